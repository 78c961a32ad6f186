import {
  type Commit,
  type EventBody,
  eventsOf,
  isTerminal,
  type JobEvent,
  lastSeq,
} from "../../src/contract/events.ts";
import type { JobId, TenantId } from "../../src/contract/ids.ts";
import { ProblemError } from "../../src/contract/problem.ts";
import { decodeCommit } from "../../src/core/commit-codec.ts";
import type { StoredCommit } from "../../src/core/ports.ts";
import { type JobStores, readCommits } from "../../src/core/read-job.ts";
import { noSuchJob } from "../jobs/jobs.ts";

/** What one answer may take as JSON, in characters; one event always fits. */
const MAX_PAGE_CHARACTERS = 1_048_576;

export interface EventPage {
  readonly events: JobEvent[];
  readonly next: number;
  readonly ended: boolean;
}

export interface ReadEvents extends EventPage {
  /** More are there already, for which this one had no room. */
  readonly cut: boolean;
}

/** A page of the log, as {@link readEvents} reads it. */
export async function getEvents(...asked: Parameters<typeof readEvents>): Promise<EventPage> {
  const { events, next, ended } = await readEvents(...asked);
  return { events, next, ended };
}

/** The log's events after a seq, in order. Throws a 404 for a job that is not the tenant's, a 400 for a seq beyond the end. */
export async function readEvents(
  tenant: TenantId,
  jobId: JobId,
  { after, limit }: { after: number; limit: number },
  stores: JobStores,
): Promise<ReadEvents> {
  const commits = await commitsAfter(jobId, after, limit, stores);
  const [first] = commits;
  if (first === undefined || first.tenant !== tenant) throw noSuchJob(jobId);
  const end = lastSeq(commits.at(-1) ?? first);
  if (after > end) {
    const message = `got ${after}; the log's last seq is ${end}`;
    throw new ProblemError({
      title: "Invalid query",
      status: 400,
      detail: `after: ${message}`,
      errors: [{ path: "after", message }],
    });
  }
  const events: JobEvent[] = [];
  let characters = 0;
  let last: EventBody | undefined = after === end ? commits.at(-1)?.events.at(-1) : undefined;
  for (const event of commits.flatMap(eventsOf)) {
    if (event.seq <= after) continue;
    characters += JSON.stringify(event).length;
    if (events.length > 0 && (events.length >= limit || characters > MAX_PAGE_CHARACTERS)) break;
    events.push(event);
    last = event;
  }
  const next = events.at(-1)?.seq ?? after;
  // Nothing follows a terminal event (invariant 1). Where `limit` commits were read, there may be one more.
  const cut = next < end || commits.length >= limit;
  return { events, next, ended: last !== undefined && isTerminal(last), cut };
}

/**
 * The commits that hold the events after a seq, `limit` of them at most, or, where there are none, the log's last.
 * Readers come back with the seq at which a commit ended; only one who stopped inside of a commit makes it read anew.
 */
async function commitsAfter(jobId: JobId, after: number, limit: number, stores: JobStores): Promise<Commit[]> {
  const { log, blobs } = stores;
  const decode = (stored: readonly StoredCommit[]) =>
    Promise.all(stored.map(async (commit) => (await decodeCommit(commit, blobs)).commit));
  const found = await log.read(jobId, after, limit);
  if (found[0]?.firstSeq === after + 1) return decode(found);
  const [last] = await log.tail(jobId, 1);
  if (last === undefined || last.lastSeq <= after) return decode(last ? [last] : []);
  const { commits } = await readCommits(stores, jobId);
  return commits.filter((commit) => lastSeq(commit) > after);
}
