import type { JobId } from "../../contract/ids.ts";
import type { Changes, Clock, Following } from "../../core/ports.ts";
import { waitFor } from "../../core/wait-for.ts";

/** After something was found, in ms; each time that nothing is found the wait grows by half, up to {@link SLOWEST_MS}. */
const FASTEST_MS = 250;
/** A look at the log is a billed read. */
const SLOWEST_MS = 2_000;

/** Says that there may be more whenever it is time to look again: nothing tells one function what another has written. */
export class PolledChanges implements Changes {
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  follow(_jobId: JobId): Following {
    let waitMs = FASTEST_MS;
    let last = -1;
    return {
      next: async (afterSeq, withinMs, signal) => {
        waitMs = afterSeq === last ? Math.min(waitMs * 1.5, SLOWEST_MS) : FASTEST_MS;
        last = afterSeq;
        await waitFor(this.#clock, Math.min(waitMs, withinMs), signal);
        // Also where the time was up before the wait was: who gives up after it has looked at the last moment.
        return signal?.aborted !== true && withinMs > 0;
      },
      close: () => {},
    };
  }
}
