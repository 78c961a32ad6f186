import { type ChildProcess, fork } from "node:child_process";
import { join } from "node:path";
import type { Seeds, SeedsReport } from "./run-seeds.ts";

/** A process that runs schedules, with a mutant's bug in it or without. */
export class SeedWorker {
  readonly #child: ChildProcess;

  constructor(mutant?: string) {
    this.#child = fork(join(import.meta.dirname, "run-seeds.ts"), mutant === undefined ? [] : [mutant]);
  }

  /** Rejects when the process ends instead of answering. One call at a time. */
  run(seeds: Seeds): Promise<SeedsReport> {
    return new Promise((resolve, reject) => {
      const onExit = (code: number | null): void =>
        reject(new Error(`a process of schedules from ${seeds.first} has ended with status ${code}`));
      this.#child.once("exit", onExit);
      this.#child.once("message", (report: SeedsReport) => {
        this.#child.off("exit", onExit);
        resolve(report);
      });
      this.#child.send(seeds);
    });
  }

  stop(): void {
    this.#child.kill();
  }
}
