import { iso } from "../../src/core/job-writer.ts";
import type { Head } from "../../src/core/ports.ts";
import { outstanding } from "../../src/core/publish.ts";
import type { Runtime } from "../../src/core/runtime.ts";
import { isEnded } from "../../src/core/state.ts";

/** Jobs looked at in one run. */
const MAX_JOBS = 200;
const FIRST_WAIT_MS = 60_000;
const MAX_WAIT_MS = 900_000;

/**
 * Looks at jobs whose wake-up is due, and makes good what a lost message or a crash left undone: publishes again what
 * was requested and nobody holds, ends what is past its deadline, repairs the list. Resolves with the jobs looked at.
 */
export async function reconcile(runtime: Runtime): Promise<{ readonly jobs: number }> {
  const heads = await runtime.index.due(runtime.clock.now(), MAX_JOBS);
  await Promise.all(heads.map((head) => reconcileJob(head, runtime)));
  return { jobs: heads.length };
}

async function reconcileJob(head: Head, runtime: Runtime): Promise<void> {
  const { app, index, clock, isGone, writer, topics, logger } = runtime;
  const { jobId } = head;
  try {
    writer.states.drop(jobId);
    const state = await writer.update(jobId, (current, nowMs) => {
      if (isEnded(current) || current.deadlineMs > nowMs) return { events: [], result: current };
      return { events: [{ type: "job.expired", deadline: iso(current.deadlineMs) }], result: current };
    });
    if (isEnded(state)) {
      await index.change(jobId, { status: state.status, wakeAtMs: null });
      return;
    }
    const nowMs = clock.now();
    const quietMs = nowMs - Date.parse(state.updatedAt);
    const backlogMs = await oldestBacklogMs(runtime);
    // A healthy backlog is not published again: its messages are there, only late (rule 13).
    if (quietMs >= Math.max(FIRST_WAIT_MS, 2 * backlogMs)) {
      const messages = outstanding(state, app, nowMs, isGone);
      if (messages.length > 0) {
        logger.info("outstanding work published again", { jobId, messages: messages.length, quietMs });
        await topics.publish(messages);
      }
    }
    const waitMs = Math.min(Math.max(FIRST_WAIT_MS, quietMs), MAX_WAIT_MS);
    await index.change(jobId, { status: state.status, wakeAtMs: Math.min(nowMs + waitMs, state.deadlineMs) });
  } catch (error) {
    logger.error("job could not be reconciled", { jobId, error: (error as Error).name });
  }
}

async function oldestBacklogMs({ app, queue }: Runtime): Promise<number> {
  const stats = await Promise.all([...app.capabilities.keys()].map((name) => queue.stats(name)));
  return Math.max(0, ...stats.map(({ oldestAgeMs }) => oldestAgeMs));
}
