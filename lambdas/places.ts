import type { Clock, Limits } from "../src/core/ports.ts";
import type { Logger } from "../src/core/runtime.ts";
import { errorKeys } from "./error-keys.ts";

/** Who holds a connection open while a job runs, counted together over all processes and tenants. */
export interface Places {
  readonly limits: Limits;
  /** Most of them at once; 0: none. */
  readonly most: number;
  /** After so long one counts no more, in ms: a crash must not hold a place for ever. @default as long as the process lives */
  readonly heldMs?: number;
}

interface PlaceDeps {
  readonly places: Places;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Takes a place; what is returned gives it back. Undefined where none is free. */
export async function takePlace(
  kind: "streams" | "waits",
  id: string,
  { places: { limits, most, heldMs = Number.POSITIVE_INFINITY }, clock, logger }: PlaceDeps,
): Promise<(() => void) | undefined> {
  const nowMs = clock.now();
  if (most === 0 || !(await limits.enter(kind, id, { untilMs: nowMs + heldMs, most, nowMs }))) return undefined;
  return () => {
    // It runs out by itself.
    limits.leave(kind, id).catch((error: unknown) => logger.warn("place not given back", errorKeys(error)));
  };
}
