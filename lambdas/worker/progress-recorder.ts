import type { EventOf, Usage } from "../../src/contract/events.ts";
import type { JobId } from "../../src/contract/ids.ts";
import { rawJson } from "../../src/core/call.ts";
import { CallStoppedError } from "../../src/core/calls.ts";
import type { AnyCapability } from "../../src/core/define-capability.ts";
import { iso } from "../../src/core/iso.ts";
import type { DeltaStream } from "../../src/core/ports.ts";
import type { Runtime } from "../../src/core/runtime.ts";
import { holds } from "./holds.ts";
import { untilRecorded } from "./until-recorded.ts";

/** A chunk is recorded after the engine's time, which may be shorter for the first, or this many characters, whichever comes first. */
const FLUSH_CHARACTERS = 4_096;

/** An attempt, and until when what it came to may be recorded, in epoch ms. */
export interface Recorded {
  readonly jobId: JobId;
  readonly stepId: string;
  readonly attempt: number;
  readonly capability: AnyCapability;
  readonly recordUntilMs: number;
}

/**
 * Records what an attempt streams, in the order in which it came; each record renews the attempt's lease. Of an
 * attempt that was superseded nothing more is recorded. A flush that fails is tried again with the next one; the
 * stream's end, and the id under which its answer is kept, until there is no time left. Where the log would be too slow for those
 * who watch, they are shown what is not in it yet, until the call is over.
 */
export class ProgressRecorder {
  readonly #of: Recorded;
  readonly #runtime: Runtime;
  readonly #shown: DeltaStream | undefined;
  #pending = "";
  #recorded = 0;
  #cancel: (() => void) | undefined;
  #last: Promise<void> = Promise.resolve();
  #streamed = false;

  constructor(of: Recorded, runtime: Runtime) {
    this.#of = of;
    this.#runtime = runtime;
    const { jobId, stepId, attempt } = of;
    this.#shown = runtime.deltas?.begin({ jobId, stepId, attempt });
  }

  add(text: string): void {
    if (text === "") return;
    const { clock, progressFlushMs, firstProgressMs = progressFlushMs } = this.#runtime;
    const flushMs = this.#streamed ? progressFlushMs : firstProgressMs;
    this.#streamed = true;
    this.#pending += text;
    this.#shown?.add(text);
    if (this.#pending.length >= FLUSH_CHARACTERS) this.#flush();
    else this.#cancel ??= clock.setTimer(flushMs, () => this.#flush());
  }

  /** Resolves when it is durable that the provider keeps the answer under this id. */
  keptAs(id: string): Promise<void> {
    const recorded = this.#last.then(() => this.#recordSurely({ keptAs: id }));
    this.#last = recorded.catch(() => {});
    return recorded;
  }

  /** The call has returned: if it streamed, its whole outcome is on record when this resolves. */
  async end(output: unknown, usage: Usage | undefined): Promise<void> {
    this.#shown?.end();
    if (!this.#streamed) return;
    await this.#settled();
    await this.#recordSurely({ final: true, output: rawJson(output), ...(usage ? { usage } : {}) });
  }

  /** The call has not returned: what it had streamed so far is on record when this resolves. */
  async stop(): Promise<void> {
    this.#shown?.end();
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
      if (this.#pending === "") return;
      try {
        await this.#taking((text) => this.#record(text));
      } catch (error) {
        this.#runtime.logger.warn("progress not recorded yet", { jobId: this.#of.jobId, error: (error as Error).name });
      }
    });
  }

  /** With what is pending. */
  #recordSurely(end: Partial<EventOf<"step.progress">>): Promise<void> {
    return this.#taking((text) => untilRecorded(() => this.#record(text, end), this.#of.recordUntilMs, this.#runtime));
  }

  /** What could not be recorded is pending again. */
  async #taking(record: (text: string) => Promise<void>): Promise<void> {
    const text = this.#pending;
    this.#pending = "";
    this.#recorded += text.length;
    try {
      await record(text);
      this.#shown?.recorded(this.#recorded);
    } catch (error) {
      this.#recorded -= text.length;
      this.#pending = text + this.#pending;
      throw error;
    }
  }

  async #record(text: string, end: Partial<EventOf<"step.progress">> = {}): Promise<void> {
    const { jobId, stepId, attempt, capability } = this.#of;
    const about = { stepId, capability: capability.name, attempt };
    const offset = this.#recorded - text.length;
    const recorded = await this.#runtime.writer.update(jobId, (state, nowMs) => {
      const step = state.steps.get(stepId);
      if (step === undefined || !holds(state, about)) return { events: [], result: false };
      // What was taken for failed may have come through late: what is on record is not told again.
      const known = Math.max(0, step.text.length - offset);
      const isKept = end.keptAs === undefined || (end.keptAs === step.keptAs && step.keptBy === attempt);
      const isTold = isKept && text.length <= known;
      if (step.finished || (isTold && !end.final)) return { events: [], result: true };
      const more = { offset: offset + known, text: text.slice(known) };
      const leaseUntil = iso(nowMs + capability.leaseMs);
      return { events: [{ type: "step.progress", ...about, ...more, leaseUntil, ...end }], result: true };
    });
    if (!recorded) this.#runtime.calls.stop(jobId, new CallStoppedError("nobody waits for the call any more"), about);
  }
}
