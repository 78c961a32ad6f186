import type { EventOf, Usage } from "../../src/contract/events.ts";
import type { JobId } from "../../src/contract/ids.ts";
import { rawJson } from "../../src/core/call.ts";
import { CallStoppedError } from "../../src/core/calls.ts";
import type { AnyCapability } from "../../src/core/define-capability.ts";
import { iso } from "../../src/core/iso.ts";
import type { Runtime } from "../../src/core/runtime.ts";
import { holds } from "./holds.ts";

/** A chunk is recorded after the engine's time or this many characters, whichever comes first. */
const FLUSH_CHARACTERS = 4_096;

/**
 * Records what an attempt streams, in the order in which it came; each record renews the attempt's lease. Of an
 * attempt that was superseded nothing more is recorded. A flush that fails is tried again with the next one.
 */
export class ProgressRecorder {
  readonly #jobId: JobId;
  readonly #stepId: string;
  readonly #attempt: number;
  readonly #capability: AnyCapability;
  readonly #runtime: Runtime;
  #pending = "";
  #recorded = 0;
  #cancel: (() => void) | undefined;
  #last: Promise<void> = Promise.resolve();
  #streamed = false;

  constructor(jobId: JobId, stepId: string, attempt: number, capability: AnyCapability, runtime: Runtime) {
    this.#jobId = jobId;
    this.#stepId = stepId;
    this.#attempt = attempt;
    this.#capability = capability;
    this.#runtime = runtime;
  }

  add(text: string): void {
    if (text === "") return;
    this.#streamed = true;
    this.#pending += text;
    if (this.#pending.length >= FLUSH_CHARACTERS) this.#flush();
    else this.#cancel ??= this.#runtime.clock.setTimer(this.#runtime.progressFlushMs, () => this.#flush());
  }

  /** Resolves when it is durable that the provider keeps the answer under this id. */
  keptAs(id: string): Promise<void> {
    const recorded = this.#last.then(() => this.#record(this.#take(), { keptAs: id }));
    this.#last = recorded.catch(() => {});
    return recorded;
  }

  /** The call has returned: if it streamed, its whole outcome is on record when this resolves. */
  async end(output: unknown, usage: Usage | undefined): Promise<void> {
    if (!this.#streamed) return;
    await this.#settled();
    await this.#record(this.#take(), { final: true, output: rawJson(output), ...(usage ? { usage } : {}) });
  }

  /** The call has not returned: what it had streamed so far is on record when this resolves. */
  async stop(): Promise<void> {
    if (this.#pending !== "") this.#flush();
    await this.#settled();
  }

  async #settled(): Promise<void> {
    this.#cancel?.();
    this.#cancel = undefined;
    await this.#last;
  }

  #flush(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#last = this.#last.then(async () => {
      const text = this.#take();
      if (text === "") return;
      try {
        await this.#record(text);
      } catch (error) {
        this.#recorded -= text.length;
        this.#pending = text + this.#pending;
        this.#runtime.logger.warn("progress not recorded yet", { jobId: this.#jobId, error: (error as Error).name });
      }
    });
  }

  #take(): string {
    const text = this.#pending;
    this.#pending = "";
    this.#recorded += text.length;
    return text;
  }

  async #record(text: string, end: Partial<EventOf<"step.progress">> = {}): Promise<void> {
    const offset = this.#recorded - text.length;
    const about = { stepId: this.#stepId, capability: this.#capability.name, attempt: this.#attempt };
    const recorded = await this.#runtime.writer.update(this.#jobId, (state, nowMs) => {
      if (!holds(state, about)) return { events: [], result: false };
      // A flush that was taken for failed may have come through late: what is on record is not told again.
      const known = Math.max(0, (state.steps.get(this.#stepId)?.text.length ?? 0) - offset);
      const more = { offset: offset + known, text: text.slice(known) };
      const leaseUntil = iso(nowMs + this.#capability.leaseMs);
      return { events: [{ type: "step.progress", ...about, ...more, leaseUntil, ...end }], result: true };
    });
    if (!recorded)
      this.#runtime.calls.stop(this.#jobId, new CallStoppedError("nobody waits for the call any more"), about);
  }
}
