import { UnavailableError } from "../../src/core/errors.ts";
import type { Clock } from "../../src/core/ports.ts";
import type { World } from "./world.ts";

/** How one call of a port went, or is going to go. */
type Fault = "crash before" | "crash after" | "refused" | "answer lost" | "late" | undefined;

const never = (): Promise<never> => new Promise(() => {});

/**
 * One life of a process: from its start until it crashes or is replaced. What it calls of the world goes through
 * {@link call}, which decides when the call takes effect, and when and whether its answer comes back. After a crash
 * nothing of it goes on: no timer fires, no promise resolves.
 */
export class Incarnation {
  readonly world: World;
  readonly holder: string;
  readonly offsetMs: number;
  readonly clock: Clock;
  alive = true;
  readonly #onCrash = new Set<() => void>();

  /** @param offsetMs how far its clock is from the true time */
  constructor(world: World, holder: string, offsetMs: number) {
    this.world = world;
    this.holder = holder;
    this.offsetMs = offsetMs;
    this.clock = {
      now: () => world.scheduler.nowMs + offsetMs,
      setTimer: (delayMs, callback) => this.after(delayMs, callback),
    };
  }

  /** Something that this process does after a time, if it still lives then. */
  after(delayMs: number, then: () => void): () => void {
    return this.world.scheduler.after(delayMs, () => {
      if (this.alive) then();
    });
  }

  onCrash(then: () => void): void {
    this.#onCrash.add(then);
  }

  crash(when: string): void {
    if (!this.alive) return;
    this.alive = false;
    this.world.trace(this.holder, () => `CRASH ${when}`);
    for (const then of this.#onCrash) then();
  }

  /**
   * A call of a port. `effect` happens at one instant, some time after; the answer comes some time after that. `about`
   * describes both for the trace.
   */
  call<T>(what: string, effect: () => T, about?: (result: T) => string): Promise<T> {
    if (!this.alive) return never();
    const { world } = this;
    const fault = this.#draw(what);
    return new Promise<T>((resolve, reject) => {
      const answer = (then: () => void): void => {
        world.scheduler.after(world.latencyMs(), () => {
          if (this.alive) then();
        });
      };
      const refuse = (how: string): void => {
        world.trace(this.holder, () => `${what} FAILS: ${how}`);
        answer(() => reject(new UnavailableError(`${what}: simulated`)));
      };
      const takeEffect = (): T => {
        const result = effect();
        world.trace(this.holder, () => `${what}${about ? ` ${about(result)}` : ""}`);
        return result;
      };
      const happen = (): void => {
        // The file of an embedded engine is its successor's by then.
        if (world.plan.embedded && !this.alive) return;
        if (fault === "crash before") {
          this.crash(`before ${what}`);
          return;
        }
        if (fault === "refused" || fault === "late") {
          refuse(fault === "late" ? "it will be done later" : "nothing was done");
          if (fault === "late") {
            world.scheduler.after(
              world.dice.ms(100, 60_000),
              () => {
                if (this.alive || !world.plan.embedded) takeEffect();
              },
              false,
            );
          }
          return;
        }
        let result: T;
        try {
          result = takeEffect();
        } catch (error) {
          answer(() => reject(error));
          return;
        }
        if (fault === "crash after") this.crash(`after ${what}`);
        else if (fault === "answer lost") refuse("its answer is lost");
        else answer(() => resolve(result));
      };
      // Sent is sent: what a crash leaves on its way still arrives.
      world.scheduler.after(world.latencyMs(), happen, false);
    });
  }

  #draw(what: string): Fault {
    const { dice, faults } = this.world;
    if (!faults.hits(what)) return undefined;
    if (dice.chance(faults.crash)) return dice.chance(0.5) ? "crash before" : "crash after";
    if (dice.chance(faults.refuse)) return "refused";
    if (dice.chance(faults.loseAnswer)) return "answer lost";
    if (dice.chance(faults.late)) return "late";
    return undefined;
  }
}
