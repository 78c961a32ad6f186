import { type Command, EXIT } from "../command.ts";
import { costText } from "../phrases.ts";
import { printResult } from "../print-result.ts";
import { columns } from "../terminal.ts";

export const get: Command = {
  name: "get",
  summary: "a job as it is now: status, steps, result",
  usage: "ID",
  positionals: ["ID"],
  options: {},
  flags: [],
  examples: ["get job_…", "get job_… --json | jq .steps"],
  async run({ client, terminal, signal, json }, [id = ""]) {
    const view = await client.get(id, { signal });
    if (json) terminal.json(view);
    else {
      terminal.line(`${view.id}  ${view.workflow}  ${view.status}`);
      const rows = view.steps.map(({ id: step, capability, status, attempts }) => [
        step,
        capability,
        status,
        `${attempts.length} ${attempts.length === 1 ? "attempt" : "attempts"}`,
      ]);
      for (const line of columns(rows)) terminal.line(`  ${line}`);
      printResult(view, new Map(), terminal);
      if (view.error !== undefined) terminal.line(`  ${view.error.name}: ${view.error.message}`);
      terminal.line(`Usage    ${costText(view)}`);
    }
    return EXIT.done;
  },
};
