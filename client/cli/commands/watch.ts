import type { Command } from "../command.ts";
import { followJob } from "../follow-job.ts";

export const watch: Command = {
  name: "watch",
  summary: "shows a job until it has ended: steps, text, sources and cost",
  usage: "ID [flags]",
  positionals: ["ID"],
  options: { after: { type: "string" }, stay: { type: "boolean" } },
  flags: [
    ["--after SEQ", "only what comes after this event"],
    ["--stay", "also while it waits for a person"],
  ],
  examples: ["watch job_…", "watch job_… --json | jq -r .status"],
  run: (context, [id = ""], flags) =>
    followJob(context.client.job(id), context, { after: flags.count("after"), stay: flags.has("stay") }),
};
