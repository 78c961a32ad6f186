import { MAX_EVENTS } from "../../src/contract/api.ts";
import type { JobId, TenantId } from "../../src/contract/ids.ts";
import type { Runtime } from "../../src/core/runtime.ts";
import { readEvents } from "../events/events.ts";

/** A job, and the seq up to which it is known not to have ended. */
export interface Awaited {
  readonly tenant: TenantId;
  readonly jobId: JobId;
  readonly seq: number;
}

/** Resolves with true when the job has ended, with false after `withinMs` or when the signal aborts. Rejects as reading the log does. */
export async function awaitEnd(
  { tenant, jobId, seq }: Awaited,
  withinMs: number,
  signal: AbortSignal,
  runtime: Pick<Runtime, "changes" | "clock" | "log" | "blobs">,
): Promise<boolean> {
  const { changes, clock } = runtime;
  const untilMs = clock.now() + withinMs;
  const following = changes.follow(jobId);
  try {
    for (let after = seq; ; ) {
      const { next, ended, cut } = await readEvents(tenant, jobId, { after, limit: MAX_EVENTS }, runtime);
      if (ended) return true;
      after = next;
      if (cut) continue;
      if (!(await following.next(after, Math.max(0, untilMs - clock.now()), signal))) return false;
    }
  } finally {
    following.close();
  }
}
