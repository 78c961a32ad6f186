import { ContentionError, UnavailableError } from "../../src/core/errors.ts";
import { backoff } from "../../src/core/retry.ts";
import type { Runtime } from "../../src/core/runtime.ts";

/** Between two tries, in ms: at random up to a bound that doubles. */
const WAIT = { baseDelayMs: 250, maxDelayMs: 5_000 };

/**
 * Records what a call came to, and tries again until `untilMs` (epoch ms) while the engine's services do not answer: what
 * was paid for must not be lost to an outage that its worker survives. Rejects with the last error. `record` may have
 * come through where it was taken for failed: it must find out.
 */
export async function untilRecorded<T>(
  record: () => Promise<T>,
  untilMs: number,
  { clock, ids, logger }: Pick<Runtime, "clock" | "ids" | "logger">,
): Promise<T> {
  for (let tries = 0; ; tries++) {
    try {
      return await record();
    } catch (error) {
      const leftMs = untilMs - clock.now();
      if (leftMs <= 0 || !(error instanceof UnavailableError || error instanceof ContentionError)) throw error;
      const waitMs = Math.min(backoff(WAIT, tries, ids.random()), leftMs);
      logger.warn("not recorded yet", { error: error.name, tries: tries + 1, waitMs });
      await new Promise<void>((resolve) => clock.setTimer(waitMs, resolve));
    }
  }
}
