import type { Commit, EventBody } from "../../../src/contract/events.ts";
import { ADVANCE_STEP } from "../../../src/core/state.ts";
import { at, completed, failed, logOf, progress, requested, started, submitted } from "./fixtures.ts";

/** A log that a worker could have written. */
export function randomLog(random: () => number, length: number): Commit[] {
  const attempts = new Map<string, number>();
  const status = new Map<string, "open" | "running" | "over">();
  const groups: EventBody[][] = [[submitted()]];
  const pick = (): string => `s${Math.floor(random() * 5)}`;
  for (let n = 0; n < length; n++) {
    const id = pick();
    const attempt = attempts.get(id) ?? 0;
    const events: EventBody[] = [];
    switch (status.get(id)) {
      case undefined:
        events.push(requested(id, { input: { n } }));
        status.set(id, "open");
        break;
      case "open":
        events.push(started(id, attempt + 1));
        attempts.set(id, attempt + 1);
        status.set(id, "running");
        break;
      case "running": {
        const dice = random();
        if (dice < 0.05) {
          events.push({ type: "step.in_doubt", stepId: id, capability: "echo", attempt, policy: "rerun" });
          events.push(started(id, attempt + 1));
          attempts.set(id, attempt + 1);
        } else if (dice < 0.4) events.push(progress(id, `t${n}`, { attempt, final: dice < 0.1 }));
        else if (dice < 0.6) {
          events.push(failed(id, { attempt, counts: dice < 0.5, retryAt: at(n) }));
          status.set(id, "open");
        } else {
          events.push(completed(id, { n, usage: 1 }, attempt));
          status.set(id, "over");
        }
        break;
      }
      case "over":
        if (random() < 0.7) events.push({ type: "value.recorded", valueId: `v${n}`, value: { n } });
        else events.push(failed(ADVANCE_STEP, { capability: ADVANCE_STEP, retryAt: at(n) }));
        break;
    }
    const last = groups.at(-1);
    if (random() < 0.4 && last) last.push(...events);
    else groups.push(events);
  }
  if (random() < 0.3) groups.push([{ type: "job.completed", output: { length } }]);
  return logOf(...groups);
}
