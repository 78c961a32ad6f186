import type { JobEvent } from "../../src/contract/events.ts";
import { CAPABILITIES } from "./app.ts";
import type { Broken } from "./world.ts";

const THROWING = new Set(CAPABILITIES.filter(({ onExhausted }) => onExhausted === "throw").map(({ name }) => name));

/** Errors by which a provider says that it is down or asks to wait. */
const THROTTLES: ReadonlySet<string> = new Set(["BusyError", "ThrottledError"]);

/** What the log says of failures against what the simulation's capabilities say of them. */
export function brokenByVerdicts(log: readonly JobEvent[]): Broken[] {
  const broken: Broken[] = [];
  for (const event of log) {
    if (event.type !== "step.failed" || event.stepId.startsWith("@")) continue;
    const { stepId, attempt, error, counts, final } = event;
    const what = `${stepId}#${attempt} failed by ${error.name}`;
    if (THROTTLES.has(error.name) && (counts || final)) broken.push({ invariant: "7", what: `${what}, and it counts` });
    if (!final || THROWING.has(event.capability)) continue;
    const next = log[event.seq];
    const isBuried = next?.type === "step.dead_lettered" && next.stepId === stepId;
    if (!isBuried && next?.type !== "job.expired") {
      broken.push({ invariant: "5", what: `${what} for good, and waits for nobody` });
    }
  }
  return broken;
}
