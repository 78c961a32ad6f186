import type { Delivery, LocalWorkers, Reservation } from "../../src/core/ports.ts";
import type { Incarnation } from "./incarnation.ts";

const SLOTS = 30;

/** Room for steps in an embedded process, which can be promised before a message is queued. */
export class LocalSlots implements LocalWorkers {
  busy = 0;
  readonly #process: Incarnation;
  readonly #deliver: (delivery: Delivery) => void;

  constructor(process: Incarnation, deliver: (delivery: Delivery) => void) {
    this.#process = process;
    this.#deliver = deliver;
  }

  reserve(capability: string, steps: number): Reservation | undefined {
    const { queues, scheduler, dice } = this.#process.world;
    if (this.busy + steps > SLOTS || queues.stats(capability, scheduler.nowMs).ready > 0) return undefined;
    if (dice.chance(0.3)) return undefined;
    this.busy += steps;
    return { deliver: this.#deliver, release: () => this.free(steps) };
  }

  free(steps: number): void {
    this.busy -= steps;
  }
}
