import { setImmediate as turn } from "node:timers/promises";
import type { Clock } from "../core/ports.ts";

interface Timer {
  readonly atMs: number;
  readonly order: number;
  readonly callback: () => void;
}

/** Turns of the event loop after which work that never rests is left to itself. */
const MAX_TURNS = 10_000;
/** What is going on by itself and will end soon: writes gathered for the next turn, files being read or written. */
const BUSY = new Set(["Immediate", "FSReqPromise", "FSReqCallback"]);

/**
 * A clock that stands still until it is told to go on, so that waits of days pass at once.
 *
 * 1. Timers go off in the order of their times; at one time, in the order in which they were set.
 * 2. Between two of them everything that needs no time comes to rest: promises, immediates, files.
 * 3. A timer set meanwhile goes off in the same call if it is due.
 * 4. It tells whole milliseconds, as clocks do: a timer of a part of one goes off at the next.
 *
 * @example
 * const clock = new VirtualClock();
 * await clock.advance(60_000);
 */
export class VirtualClock implements Clock {
  #nowMs: number;
  #timers: readonly Timer[] = [];
  #set = 0;

  constructor(nowMs = Date.UTC(2030, 0, 1)) {
    this.#nowMs = nowMs;
  }

  now(): number {
    return this.#nowMs;
  }

  setTimer(delayMs: number, callback: () => void): () => void {
    this.#set += 1;
    const timer: Timer = { atMs: this.#nowMs + Math.max(0, Math.ceil(delayMs)), order: this.#set, callback };
    this.#timers = [...this.#timers, timer].sort((a, b) => a.atMs - b.atMs || a.order - b.order);
    return () => this.#remove(timer);
  }

  /** When the next timer goes off, in epoch ms, or undefined. */
  get nextMs(): number | undefined {
    return this.#timers[0]?.atMs;
  }

  /** Lets `ms` pass. */
  async advance(ms: number): Promise<void> {
    const untilMs = this.#nowMs + ms;
    await settle();
    for (let next = this.#timers[0]; next && next.atMs <= untilMs; next = this.#timers[0]) {
      this.#remove(next);
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      next.callback();
      await settle();
    }
    this.#nowMs = untilMs;
  }

  /** Jumps to the next timer. False when there is none: then nothing but the outside world can go on. */
  async skip(): Promise<boolean> {
    await settle();
    const { nextMs } = this;
    if (nextMs === undefined) return false;
    await this.advance(nextMs - this.#nowMs);
    return true;
  }

  /**
   * Jumps from timer to timer until `done` says so. False when no timer is left or `limitMs` of this clock have passed
   * before that.
   */
  async runUntil(done: () => boolean, limitMs = Number.POSITIVE_INFINITY): Promise<boolean> {
    const untilMs = this.#nowMs + limitMs;
    await settle();
    while (!done()) {
      if ((this.nextMs ?? Number.POSITIVE_INFINITY) > untilMs || !(await this.skip())) return done();
    }
    return true;
  }

  #remove(timer: Timer): void {
    this.#timers = this.#timers.filter((other) => other !== timer);
  }
}

/** One for all who wait, or each would take the others' turns for work. */
let resting: Promise<void> | undefined;

/** Resolves when all that needs no time has come to rest. */
export function settle(): Promise<void> {
  resting ??= rest();
  return resting;
}

async function rest(): Promise<void> {
  for (let turns = 0; turns < MAX_TURNS; turns++) {
    await turn();
    if (!process.getActiveResourcesInfo().some((resource) => BUSY.has(resource))) break;
  }
  resting = undefined;
}
