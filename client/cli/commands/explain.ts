import type { JobEvent } from "../../wire.ts";
import { type Command, EXIT } from "../command.ts";
import { explain, sectionsOf } from "../explain-job.ts";

export const explainCommand: Command = {
  name: "explain",
  summary: "what happened in a job, what it cost, where to look, and what to do about it",
  usage: "ID",
  positionals: ["ID"],
  options: {},
  flags: [],
  examples: ["explain job_…", "explain job_… --json | jq .remedies"],
  async run({ client, terminal, signal, json, connection }, [id = ""]) {
    const job = client.job(id);
    const view = await job.get({ signal });
    const events: JobEvent[] = [];
    for await (const event of job.events({ signal, channel: "poll" })) {
      events.push(event);
      if (event.seq >= view.seq) break;
    }
    const explanation = explain(view, events, connection);
    if (json) terminal.json(explanation);
    else {
      for (const { title, lines } of sectionsOf(explanation, Date.now())) {
        terminal.line(terminal.style("bold", title));
        for (const line of lines) terminal.line(`  ${line}`);
      }
    }
    return EXIT.done;
  },
};
