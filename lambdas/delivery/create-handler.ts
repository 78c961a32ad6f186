import { JSONStringified } from "@aws-lambda-powertools/parser/helpers";
import type { Context, SQSBatchResponse, SQSEvent, SQSRecord } from "aws-lambda";
import type { JobId } from "../../src/contract/ids.ts";
import { ProblemError } from "../../src/contract/problem.ts";
import { WatchedJob } from "../../src/contract/watched-job.ts";
import type { Logger } from "../../src/core/runtime.ts";
import { errorKeys } from "../error-keys.ts";
import { Delivery, type DeliveryDeps, watchNew } from "./delivery.ts";

export interface DeliveryHandlerDeps extends DeliveryDeps {
  readonly logger: Logger;
  /** Has a message come again after this time. */
  readonly retryLater: (receipt: string, delayMs: number) => Promise<void>;
  /** Has the rest of a job delivered, after what waits of it already. */
  readonly goOn: (jobId: JobId) => Promise<void>;
}

export type DeliveryHandler = (
  event: SQSEvent,
  context: Pick<Context, "getRemainingTimeInMillis">,
) => Promise<SQSBatchResponse>;

const Body = JSONStringified(WatchedJob);
/** Before a message comes again that could not be handled, in ms: doubled by each time that it could not, up to the most. */
const RETRY_MS = 2_000;
const MAX_RETRY_MS = 60_000;
/** For how long a job is fed at once, in ms: a batch is over only when all of its jobs are, and the next messages of each wait for that. */
const TURN_MS = 5_000;
/** What is left of an invocation's time when the last frame begins, in ms. */
const RESERVE_MS = 10_000;

/**
 * Works on the FIFO queue of what is watched. What it is told of one job, however often, is one delivery. A job with more to send
 * than fits into its turn is put behind the others by a message of its own: that is no failure, and counts towards no dead letter.
 */
export function createHandler({ retryLater, goOn, logger, ...deps }: DeliveryHandlerDeps): DeliveryHandler {
  const delivery = new Delivery(deps);
  const deliver = async ({ jobId, newOf }: WatchedJob, isTimeUp: () => boolean): Promise<void> => {
    if (newOf !== undefined) await watchNew({ jobId, tenant: newOf }, deps.subscribers);
    if (!(await delivery.deliver(jobId, isTimeUp))) await goOn(jobId);
  };
  /** Which records have to come again: all of the job, since one behind another must not come before it. */
  const handle = async (
    job: WatchedJob,
    records: readonly SQSRecord[],
    isTimeUp: () => boolean,
  ): Promise<readonly SQSRecord[]> => {
    try {
      await deliver(job, isTimeUp);
      return [];
    } catch (error) {
      logger.warn("events not delivered", { jobId: job.jobId, ...errorKeys(error) });
      // A job that is not there, or not any more, never has anything to send.
      if (error instanceof ProblemError && error.problem.status < 500) return [];
      for (const { receiptHandle, attributes } of records) {
        const delayMs = Math.min(RETRY_MS * 2 ** (Number(attributes.ApproximateReceiveCount) - 1), MAX_RETRY_MS);
        await retryLater(receiptHandle, delayMs);
      }
      return records;
    }
  };
  return async ({ Records }, context) => {
    const untilLeftMs = Math.max(context.getRemainingTimeInMillis() - TURN_MS, RESERVE_MS);
    const isTimeUp = (): boolean => context.getRemainingTimeInMillis() < untilLeftMs;
    const known = Records.flatMap((record) => {
      const parsed = Body.safeParse(record.body);
      if (parsed.success) return [{ record, job: parsed.data as WatchedJob }];
      logger.error("malformed message", { queue: "delivery", messageId: record.messageId });
      return [];
    });
    const failed = await Promise.all(
      [...Map.groupBy(known, ({ job }) => job.jobId)].map(([jobId, of]) => {
        const newOf = of.find(({ job }) => job.newOf !== undefined)?.job.newOf;
        return handle(
          { jobId, newOf },
          of.map(({ record }) => record),
          isTimeUp,
        );
      }),
    );
    return { batchItemFailures: failed.flat().map(({ messageId }) => ({ itemIdentifier: messageId })) };
  };
}
