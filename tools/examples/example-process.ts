import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { adopt, stop } from "../../bench/children.ts";

export interface Command {
  /** The program and its arguments. */
  readonly argv: readonly [program: string, ...args: string[]];
  readonly env?: Readonly<Record<string, string>>;
  /** @default this process's */
  readonly cwd?: string;
}

/** A process of an example that says on its output where it listens, which can be killed and started again there. */
export class ExampleProcess implements AsyncDisposable {
  readonly #command: Command;
  #child: ChildProcess | undefined;
  /** All that it has said, in all its lives. */
  output = "";

  private constructor(command: Command) {
    this.#command = command;
  }

  /** Resolves when it listens; rejects, with what it said, when it ends before. */
  static async start(command: Command): Promise<ExampleProcess> {
    const process = new ExampleProcess(command);
    await process.start();
    return process;
  }

  async start(): Promise<void> {
    const { argv, env, cwd } = this.#command;
    const [program, ...args] = argv;
    const child = adopt(
      spawn(program, args, { env: { ...process.env, ...env }, cwd, stdio: ["ignore", "pipe", "pipe"] }),
    );
    this.#child = child;
    let said = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => {
        said += text;
        this.output += text;
      });
    }
    const failed = once(child, "error").then(([error]) => Promise.reject(error));
    const listens = async (): Promise<void> => {
      while (!/(listens|running) on http:/.test(said)) {
        if (child.exitCode !== null) throw new Error(`${argv.join(" ")} ended with ${child.exitCode}: ${said}`);
        await pause(10);
      }
    };
    await Promise.race([failed, listens()]);
  }

  /** With SIGKILL: it has no say in it. */
  async kill(): Promise<void> {
    if (this.#child) await stop(this.#child, "SIGKILL");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }
}

/** So many ports on which nobody listens now. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, "127.0.0.1"));
  await Promise.all(servers.map((server) => once(server, "listening")));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => once(server.close(), "close")));
  return ports;
}
