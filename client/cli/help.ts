import type { Command } from "./command.ts";
import { columns } from "./terminal.ts";

const indented = (rows: readonly (readonly string[])[]): string =>
  columns(rows)
    .map((line) => `  ${line}`)
    .join("\n");

const GLOBAL_FLAGS: readonly (readonly [flag: string, meaning: string])[] = [
  ["--url URL", "the server (default: SLUICE_URL, or http://127.0.0.1:8787)"],
  ["--key KEY", "stands for a tenant (default: SLUICE_KEY, which others on this machine cannot see)"],
  ["--tenant NAME", "where the server needs no keys (default: SLUICE_TENANT)"],
  ["--json", "the answer as JSON"],
  ["-h, --help", ""],
];

const isWithout = ({ without = [] }: Command, flag: string): boolean =>
  without.some((name) => flag.split(/[ ,]/).includes(`--${name}`));

export const helpOf = (command: Command): string =>
  [
    `Usage: npx sluice ${command.name} ${command.usage}`.trimEnd(),
    `\n${command.summary.replace(/^./, (letter) => letter.toUpperCase())}.`,
    ...(command.flags.length > 0 ? [`\n${indented(command.flags)}`] : []),
    ...(command.raw ? [] : [`\n${indented(GLOBAL_FLAGS.filter(([flag]) => !isWithout(command, flag)))}`]),
    `\nExamples:\n${command.examples.map((example) => `  npx sluice ${example}`).join("\n")}`,
  ].join("\n");

export const overview = (commands: readonly Command[]): string => `Usage: npx sluice COMMAND …

${indented(commands.map(({ name, summary }) => [name, summary]))}

${indented(GLOBAL_FLAGS)}

npx sluice COMMAND --help shows a command's flags and examples.

Exit status: 0 done (of submit --follow and --wait, and of watch: the job completed, or goes on), 1 the job ended otherwise, or a
log is not whole, 2 the command line is wrong, 3 the server refused, 4 the server was not reached, 5 the job waits for a person, 130 Ctrl-C.`;
