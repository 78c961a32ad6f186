import type { Runtime } from "../../src/core/runtime.ts";
import { type QueueHandler, queueHandler } from "../queue-handler.ts";
import { work } from "./worker.ts";

/** The worker of one capability's queue. */
export function createHandler(runtime: Runtime, capability: string): QueueHandler {
  return queueHandler(
    capability,
    ({ detail, claimedBy, endsAtMs, company }) =>
      work({ capability, detail, endsAtMs, company, ...(claimedBy ? { claimedBy } : {}) }, runtime),
    runtime,
  );
}
