import { eventsOf, isTerminal, type JobEvent } from "../../src/contract/events.ts";
import { isWebhookEvent, MAX_PAYLOAD_BYTES, type WebhookPayload } from "../../src/contract/webhooks.ts";
import { decodeCommit } from "../../src/core/commit-codec.ts";
import { type JobStores, readCommits } from "../../src/core/read-job.ts";
import type { JobState } from "../../src/core/state.ts";
import { linksOf, viewOf } from "../jobs/jobs.ts";

/** Commits at a log's end in which most events that are told are. */
const TAIL_COMMITS = 8;

/** The body that tells an event of a job: the same text each time. Undefined where the log has no such event. */
export async function webhookBody(state: JobState, seq: number, stores: JobStores): Promise<string | undefined> {
  const event = await eventAt(state, seq, stores);
  if (event === undefined || !isWebhookEvent(event.type)) return undefined;
  const data: WebhookPayload["data"] = {
    jobId: state.jobId,
    tenant: state.tenant,
    seq,
    links: linksOf(state.jobId),
    ...("stepId" in event ? { stepId: event.stepId, capability: event.capability } : {}),
    ...("error" in event ? { error: event.error } : {}),
  };
  const payload: WebhookPayload = { type: event.type, timestamp: event.time, data };
  if (!isTerminal(event)) return JSON.stringify(payload);
  const whole = JSON.stringify({ ...payload, data: { ...data, job: viewOf(state) } });
  return Buffer.byteLength(whole) <= MAX_PAYLOAD_BYTES ? whole : JSON.stringify(payload);
}

async function eventAt({ jobId }: JobState, seq: number, stores: JobStores): Promise<JobEvent | undefined> {
  const tail = await stores.log.tail(jobId, TAIL_COMMITS);
  const holder = tail.find(({ firstSeq, lastSeq }) => firstSeq <= seq && seq <= lastSeq);
  const commits = holder
    ? [(await decodeCommit(holder, stores.blobs)).commit]
    : (await readCommits(stores, jobId)).commits;
  return commits.flatMap(eventsOf).find((event) => event.seq === seq);
}
