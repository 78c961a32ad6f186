import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import type { Readable, Writable } from "node:stream";
import { text } from "node:stream/consumers";
import { run } from "../../client/cli/run.ts";
import { terminalOn } from "../../client/cli/terminal.ts";

export interface Ran {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

export interface RunOptions {
  readonly isTTY?: boolean;
  readonly signal?: AbortSignal;
  readonly env?: NodeJS.ProcessEnv;
}

/** One command line in this process, at a terminal or not. */
export async function runHere(
  url: string,
  args: readonly string[],
  { isTTY = false, signal = new AbortController().signal, env = {} }: RunOptions = {},
): Promise<Ran> {
  const [out, err]: [string[], string[]] = [[], []];
  const stdout = { isTTY, write: (text: string) => out.push(text) };
  const terminal = terminalOn(stdout, { write: (text) => err.push(text) }, {});
  const code = await run(args, { env: { SLUICE_URL: url, ...env }, terminal, signal });
  return { code, out: out.join(""), err: err.join("") };
}

/** The same as a process of its own, without input. */
export async function runProcess(url: string, args: readonly string[]): Promise<Ran> {
  const child = startProcess(url, args);
  child.stdin.end();
  return ended(child);
}

export type Child = ChildProcessByStdio<Writable, Readable, Readable>;

/** A process whose input is open. Whoever starts it ends it. */
export function startProcess(url: string, args: readonly string[]): Child {
  return spawn(process.execPath, ["client/bin/sluice.js", ...args], {
    env: { ...process.env, SLUICE_URL: url },
    stdio: ["pipe", "pipe", "pipe"],
  });
}

export async function ended(child: Child): Promise<Ran> {
  const [out, err, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "close")]);
  return { code: code as number | null, out, err };
}
