import { setTimeout as sleep } from "node:timers/promises";
import type { JobView } from "../../src/contract/api.ts";
import { isTerminal, type JobEvent } from "../../src/contract/events.ts";
import type { Api } from "./api.ts";
import { chain, SmokeError } from "./smoke-error.ts";

export interface FollowProps {
  readonly api: Api;
  readonly key: string;
  readonly jobId: string;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  /** Told of each event as it is read. */
  readonly onEvent: (event: JobEvent) => void;
}

const POLL_MS = 250;

/** Reads a job's log until its end. Resolves once it is completed; throws {@link SmokeError} for any other end, and for none. */
export async function followJob({ api, key, jobId, timeoutMs, signal, onEvent }: FollowProps): Promise<JobView> {
  const untilMs = performance.now() + timeoutMs;
  let after = 0;
  let last: JobEvent | undefined;
  for (;;) {
    const { events, next } = await api.events(key, jobId, after);
    for (const event of events) {
      onEvent(event);
      last = event;
      refuseGivenUp(event, jobId);
    }
    if (last !== undefined && isTerminal(last)) break;
    after = next;
    if (performance.now() >= untilMs) {
      throw new SmokeError(
        `job ${jobId} has not ended after ${timeoutMs / 1_000} s. Its last event: ${last?.type ?? "none"}. ` +
          "Where work waits: docs/runbook.md#oldest-message; --timeout waits longer",
      );
    }
    await sleep(POLL_MS, undefined, { signal }).catch(() => {
      throw signal.reason;
    });
  }
  const job = await api.job(key, jobId);
  if (job.status === "completed") return job;
  throw new SmokeError(`job ${jobId} ended as ${job.status}${job.error ? `: ${chain(job.error)}` : ""}`);
}

/** The job would wait for a person until its deadline. */
function refuseGivenUp(event: JobEvent, jobId: string): void {
  if (event.type !== "step.dead_lettered") return;
  const { stepId, capability, attempt, error } = event;
  throw new SmokeError(
    `step ${stepId} (${capability}) of job ${jobId} is in the dead letters after ${attempt} attempts: ${chain(error)}\n` +
      "What to do: docs/runbook.md#dead-letters",
  );
}
