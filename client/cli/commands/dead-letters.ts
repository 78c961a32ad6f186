import { type Command, EXIT } from "../command.ts";
import { chainOf } from "../phrases.ts";
import { first, limitOf } from "./list.ts";

export const deadLetters: Command = {
  name: "dead-letters",
  summary: "what waits for a person, with the errors that led there",
  usage: "[flags]",
  positionals: [],
  options: {
    workflow: { type: "string" },
    capability: { type: "string" },
    error: { type: "string" },
    limit: { type: "string" },
  },
  flags: [
    ["--workflow NAME", "only this workflow's"],
    ["--capability NAME", "only this capability's"],
    ["--error NAME", "only with this error, such as TimeoutError"],
    ["--limit N", "so many at most (default 20)"],
  ],
  examples: ["dead-letters", "dead-letters --capability completion --error HeldError --json"],
  async run({ client, terminal, signal, json, connection }, _, flags) {
    const filter = {
      workflow: flags.text("workflow"),
      capability: flags.text("capability"),
      error: flags.text("error"),
    };
    const letters = await first(client.deadLetters({ ...filter, signal }), limitOf(flags));
    if (json) terminal.json(letters);
    else {
      for (const { jobId, workflow, stepId, seq, error, attempts, deadline } of letters) {
        terminal.line(`${jobId}  ${workflow}  ${stepId}  seq ${seq}, ${attempts.length} attempts, until ${deadline}`);
        if (error !== undefined) for (const link of chainOf(error)) terminal.line(`    ${link}`);
      }
      const [letter] = letters;
      if (letter !== undefined) terminal.note(`What to do about one: npx sluice explain ${letter.jobId}${connection}`);
    }
    return EXIT.done;
  },
};
