import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { signalGroup } from "../process-group.ts";

const ROOT = join(import.meta.dirname, "../..");

export class CommandError extends Error {
  override readonly name = "CommandError";
  readonly output: string;

  constructor(command: string, status: string, output: string) {
    super(`${command} ended with ${status}:\n${output.slice(-4_000)}`);
    this.output = output;
  }
}

export interface CommandOptions {
  readonly env: NodeJS.ProcessEnv;
  /** @default the project's */
  readonly cwd?: string;
  /** @default five minutes */
  readonly timeoutMs?: number;
}

/**
 * Runs a program to its end, and resolves with all that it wrote. Throws {@link CommandError} with the last of it unless it
 * ends with 0. What the program has started ends with it when its time is over, and when this process exits.
 */
export async function runCommand(
  command: string,
  args: readonly string[],
  { env, cwd = ROOT, timeoutMs = 300_000 }: CommandOptions,
): Promise<string> {
  // With a group of its own: our tools start the CDK, which keeps the pipes open when only the tool is ended.
  const child = spawn(command, args, { cwd, env, stdio: ["ignore", "pipe", "pipe"], detached: true });
  const end = (): void => {
    if (child.pid !== undefined) signalGroup(child.pid, "SIGKILL");
  };
  process.once("exit", end);
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (chunk: string) => {
      output += chunk;
    });
  }
  const timer = setTimeout(end, timeoutMs);
  try {
    const [code, signal] = (await once(child, "close")) as [number | null, NodeJS.Signals | null];
    if (code === 0) return output;
    const status = signal === "SIGKILL" ? `nothing after ${timeoutMs / 1_000} s` : String(code ?? signal);
    throw new CommandError([command, ...args].join(" "), status, output);
  } finally {
    clearTimeout(timer);
    process.off("exit", end);
  }
}

/** One of our tools, as `npm run` calls it. */
export function runTool(name: string, args: readonly string[], options: CommandOptions): Promise<string> {
  return runCommand(process.execPath, [`tools/${name}.ts`, ...args], options);
}
