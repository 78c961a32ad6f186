import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { FunctionKind } from "../../../src/engines/aws/environment.ts";
import type { Invocation, Reply } from "./function-main.ts";

const ROOT = join(import.meta.dirname, "../../..");

/** A function in a process of its own: what it knows, it knows from its environment. */
export class FunctionProcess {
  readonly #child: ChildProcess;
  readonly #pending = new Map<number, PromiseWithResolvers<unknown>>();
  #invocations = 0;
  #output = "";

  private constructor(kind: FunctionKind, environment: Readonly<Record<string, string>>) {
    const handler = join(ROOT, "lambdas", kind, "handler.ts");
    this.#child = fork(join(import.meta.dirname, "function-main.ts"), {
      stdio: ["ignore", "pipe", "pipe", "ipc"],
      env: { PATH: process.env.PATH, TMPDIR: tmpdir(), ...environment, SLUICE_TEST_HANDLER: handler },
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding("utf8").on("data", (text: string) => {
        this.#output += text;
      });
    }
    this.#child.on("message", (message) => this.#settle(message as Reply));
    this.#child.on("exit", () => {
      const error = new Error(`function ${kind} has ended: ${this.#output}`);
      for (const { reject } of this.#pending.values()) reject(error);
    });
  }

  /** Resolves when its handler is loaded. Rejects, with what it wrote, where it does not start. */
  static async start(kind: FunctionKind, environment: Readonly<Record<string, string>>): Promise<FunctionProcess> {
    const started = new FunctionProcess(kind, environment);
    await started.#pend(0).promise;
    return started;
  }

  /** What it wrote to its log so far. */
  get output(): string {
    return this.#output;
  }

  invoke(event: unknown): Promise<unknown> {
    this.#invocations += 1;
    const { promise } = this.#pend(this.#invocations);
    this.#child.send({ id: this.#invocations, event } satisfies Invocation);
    return promise;
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#child.kill("SIGKILL");
    await once(this.#child, "exit");
  }

  #pend(id: number): PromiseWithResolvers<unknown> {
    const pending = Promise.withResolvers<unknown>();
    this.#pending.set(id, pending);
    return pending;
  }

  #settle(reply: Reply): void {
    const pending = this.#pending.get(reply.id);
    this.#pending.delete(reply.id);
    if ("error" in reply) pending?.reject(new Error(`${reply.error}\n${this.#output}`));
    else pending?.resolve(reply.answer);
  }
}
