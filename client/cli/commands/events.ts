import type { JobEvent } from "../../wire.ts";
import { type Command, EXIT } from "../command.ts";
import { between, detailOf } from "../phrases.ts";

export const events: Command = {
  name: "events",
  summary: "a job's log, event by event",
  usage: "ID [flags]",
  positionals: ["ID"],
  options: { jsonl: { type: "boolean" }, after: { type: "string" }, follow: { type: "boolean", short: "f" } },
  flags: [
    ["--jsonl", "each event as a line of JSON (also --json)"],
    ["--after SEQ", "only what comes after this event"],
    ["-f, --follow", "until the job has ended"],
  ],
  examples: ["events job_…", "events job_… --jsonl --follow | jq -r .type"],
  async run({ client, terminal, signal, json }, [id = ""], flags) {
    const job = client.job(id);
    const after = flags.count("after") ?? 0;
    const isFollowing = flags.has("follow");
    const end = isFollowing ? Number.POSITIVE_INFINITY : (await job.get({ signal })).seq;
    if (after === end) return EXIT.done;
    let first: JobEvent | undefined;
    for await (const event of job.events({ after, signal, channel: isFollowing ? "auto" : "poll" })) {
      first ??= event;
      if (json || flags.has("jsonl")) terminal.json(event);
      else terminal.line(lineOf(event, first));
      if (event.seq >= end) break;
    }
    return EXIT.done;
  },
};

function lineOf(event: JobEvent, first: JobEvent): string {
  const seconds = (between(first.time, event.time) / 1_000).toFixed(2);
  return `${String(event.seq).padStart(5)}  ${seconds.padStart(8)} s  ${event.type.padEnd(18)} ${detailOf(event)}`.trimEnd();
}
