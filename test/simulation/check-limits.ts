import { MAX_OPEN_MS } from "../../src/core/circuit.ts";
import type { Scene } from "./scene.ts";

/** What is left of limits when a world has come to rest: nothing that anybody would have to wait for. */
export function checkLimits({ world, fleet }: Scene): void {
  const { originalFaults, scheduler } = world;
  for (const { places, openings } of fleet.limits) {
    // Those of a process that died, or could not reach the store, end by themselves.
    if (world.isGentle) {
      for (const place of places) world.broke("share", `${place}: nobody died, and its place was not given back`);
    }
    for (const [provider, { circuit }] of openings) {
      if (circuit.state === "closed") continue;
      const untilMs = circuit.state === "half-open" ? circuit.probe.untilMs : circuit.untilMs;
      const waitMs = untilMs - scheduler.nowMs - 2 * originalFaults.skewMs;
      if (waitMs > MAX_OPEN_MS)
        world.broke("circuit", `${provider} is well, and its circuit ${circuit.state} for ${waitMs} ms`);
    }
  }
}
