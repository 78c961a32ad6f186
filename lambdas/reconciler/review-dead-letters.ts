import { advanceQueue, WEBHOOKS } from "../../src/contract/messages.ts";
import type { WaitingLetter } from "../../src/core/commands.ts";
import { type Judgement, judgeDeadLetter } from "../../src/core/judge-dead-letter.ts";
import type { DeadLetter, DeadLetterVerdict } from "../../src/core/ports.ts";
import { letterDetail } from "../../src/core/publish.ts";
import { readState } from "../../src/core/read-job.ts";
import type { Runtime } from "../../src/core/runtime.ts";
import { ADVANCE_STEP } from "../../src/core/state.ts";
import { errorKeys } from "../error-keys.ts";
import { judgeWebhookLetter } from "./judge-webhook-letter.ts";
import { oldestAgeMs } from "./waits.ts";

/** Of a queue, in one run. */
const MAX_LETTERS = 50;

/**
 * Looks at the dead letters of all queues, so that their number means something: those that wait for nobody any more are
 * removed, and what a queue has set aside by itself comes into the log of its job. Costs one call of a queue that has none,
 * and a read of a job for each of up to {@link MAX_LETTERS} letters. A queue that cannot be looked at keeps no other from it.
 */
export async function reviewDeadLetters(runtime: Runtime): Promise<void> {
  const { app, queue, logger } = runtime;
  const names = [...app.capabilities.keys(), ...[...app.workflows.keys()].map(advanceQueue), WEBHOOKS];
  await Promise.all(
    names.map(async (name) => {
      // A crash after a letter was sent and before the one that it stands for was deleted leaves two.
      const seen = new Set<string>();
      let age: Promise<number> | undefined;
      const judge = async (letter: DeadLetter) => {
        if (name === WEBHOOKS) return judgeWebhookLetter(letter, runtime);
        // Only of letters that a queue has set aside it matters, and asking costs.
        if (letter.seq === undefined) age ??= oldestAgeMs(queue, name);
        return await judgeOne(name, letter, { seen, oldestAgeMs: (await age) ?? 0 }, runtime);
      };
      try {
        const { removed, malformed } = await queue.reviewDeadLetters(name, judge, MAX_LETTERS);
        if (malformed > 0) logger.warn("malformed dead letters", { queue: name, count: malformed });
        if (removed > 0) logger.info("dead letters removed", { queue: name, count: removed });
      } catch (error) {
        logger.error("dead letters could not be reviewed", { queue: name, ...errorKeys(error) });
      }
    }),
  );
}

async function judgeOne(
  queueName: string,
  letter: DeadLetter,
  { seen, oldestAgeMs }: { readonly seen: Set<string>; readonly oldestAgeMs: number },
  runtime: Runtime,
): Promise<DeadLetterVerdict> {
  const { clock, isGone, writer, metrics, queue } = runtime;
  const { message } = letter;
  const { jobId, stepIds: [stepId = ADVANCE_STEP] = [] } = message.detail;
  const state = await readState(runtime, jobId);
  // What is gone waits for nobody: its time is over (rule 9).
  if (state === undefined) return "remove";
  const looked = judgeDeadLetter(state, letter, { nowMs: clock.now(), isGone, oldestAgeMs });
  let judgement: Judgement = looked.result;
  if (looked.events.length > 0) {
    let given = 0;
    judgement = await writer.update(jobId, (current, nowMs) => {
      const decision = judgeDeadLetter(current, letter, { nowMs, isGone, oldestAgeMs });
      given = decision.events.filter(({ type }) => type === "step.dead_lettered").length;
      return decision;
    });
    if (given > 0) metrics.record("StepsDeadLettered", given, "Count", { capability: queueName });
  }
  for (const waiting of judgement.instead) {
    const key = keyOf(jobId, waiting);
    if (seen.has(key)) continue;
    seen.add(key);
    const { seq } = waiting;
    const { stepIds: _, at: __, ...detail } = letterDetail(message.detail, seq);
    const named = waiting.stepId === ADVANCE_STEP ? {} : { stepIds: [waiting.stepId] };
    await queue.deadLetter(queueName, { ...message, detail: { ...detail, ...named } }, { reason: letter.reason, seq });
  }
  if (judgement.verdict === "remove" || letter.seq === undefined) return judgement.verdict;
  const key = keyOf(jobId, { stepId, seq: letter.seq });
  if (seen.has(key)) return "remove";
  seen.add(key);
  return "keep";
}

const keyOf = (jobId: string, { stepId, seq }: Pick<WaitingLetter, "stepId" | "seq">): string =>
  `${jobId} ${seq} ${stepId}`;
