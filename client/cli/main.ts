import { run } from "./run.ts";
import { terminalOn } from "./terminal.ts";

/** `sluice`: this process as the surroundings of one command. */
const interruption = new AbortController();
// The second time, at once.
process.once("SIGINT", () => interruption.abort(new DOMException("interrupted", "AbortError")));
// Whoever reads has had enough, such as `head`.
process.stdout.on("error", (error: NodeJS.ErrnoException) => process.exit(error.code === "EPIPE" ? 0 : 1));

const terminal = terminalOn(process.stdout, process.stderr, process.env);
const code = await run(process.argv.slice(2), { env: process.env, terminal, signal: interruption.signal });
// What was said is said to the end; but what a frozen server, or an open stdin, holds open is not waited for.
for (const stream of [process.stdout, process.stderr]) await new Promise((resolve) => stream.write("", resolve));
process.exit(code);
