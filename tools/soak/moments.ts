import { EventEmitter, once } from "node:events";
import { setTimeout as pause } from "node:timers/promises";
import type { EngineProcess } from "./engine-process.ts";
import type { ModelNotice } from "./model-call.ts";

/** What the soak hears of while the engine works. */
export type Notice = ModelNotice | "submitting";

/** When an engine process is killed: on its way up, at any time, or as close as can be to what a crash can spoil. */
export const MOMENTS = ["starting", "any", "streaming", "answered", "submitting"] as const;
export type Moment = (typeof MOMENTS)[number];

/** Of a hundred kills. */
const SHARES: Readonly<Record<Moment, number>> = { starting: 15, any: 20, streaming: 20, answered: 30, submitting: 15 };
/** From the notice to the kill, in ms at most: an answer's record takes a few. */
const AFTER_NOTICE_MS: Readonly<Record<Notice, number>> = { streaming: 40, answered: 10, submitting: 10 };
/** A start takes about so long, in ms. */
const START_MS = 700;
/** An engine that is up works for so long before it is killed, in ms at most. */
const MAX_UP_MS = 2_200;
/** A notice that does not come is not waited for longer, in ms. */
const PATIENCE_MS = 3_000;

/** Chooses when to kill, and waits until then. */
export class Moments {
  readonly #notices = new EventEmitter();
  readonly #random: () => number;

  constructor(random: () => number) {
    this.#random = random;
  }

  notify(notice: Notice): void {
    this.#notices.emit(notice);
  }

  choose(): Moment {
    let left = this.#random() * 100;
    for (const moment of MOMENTS) {
      left -= SHARES[moment];
      if (left < 0) return moment;
    }
    return "any";
  }

  /** Resolves at the moment. Rejects when `signal` aborts. */
  async wait(moment: Moment, engine: EngineProcess, signal: AbortSignal): Promise<void> {
    if (moment === "starting") {
      await pause(this.#random() * START_MS, undefined, { signal });
      return;
    }
    await before(engine.healthy, signal);
    await pause(this.#random() * MAX_UP_MS, undefined, { signal });
    if (moment === "any") return;
    const patience = AbortSignal.any([signal, AbortSignal.timeout(PATIENCE_MS)]);
    await once(this.#notices, moment, { signal: patience }).catch(() => signal.throwIfAborted());
    await pause(this.#random() * AFTER_NOTICE_MS[moment], undefined, { signal });
  }
}

/** What a promise resolves with, unless the signal aborts before. */
export function before<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = (): void => reject(signal.reason);
    if (signal.aborted) stop();
    signal.addEventListener("abort", stop, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", stop));
  });
}
