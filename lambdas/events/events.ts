import { eventsOf, isTerminal, type JobEvent, lastSeq } from "../../src/contract/events.ts";
import type { JobId, TenantId } from "../../src/contract/ids.ts";
import { ProblemError } from "../../src/contract/problem.ts";
import { readCommits } from "../../src/core/job-states.ts";
import type { Runtime } from "../../src/core/runtime.ts";
import { noSuchJob } from "../jobs/jobs.ts";

/** What one answer may take as JSON, in characters; one event always fits. */
const MAX_PAGE_CHARACTERS = 1_048_576;

export interface EventPage {
  readonly events: JobEvent[];
  readonly next: number;
  readonly ended: boolean;
}

/** The log's events after a seq, in order. Throws a 404 for a job that is not the tenant's, a 400 for a seq beyond the end. */
export async function getEvents(
  tenant: TenantId,
  jobId: JobId,
  { after, limit }: { after: number; limit: number },
  { log, blobs }: Pick<Runtime, "log" | "blobs">,
): Promise<EventPage> {
  const { commits } = await readCommits(log, blobs, jobId);
  const last = commits.at(-1);
  if (last === undefined || last.tenant !== tenant) throw noSuchJob(jobId);
  if (after > lastSeq(last)) {
    const message = `got ${after}; the log's last seq is ${lastSeq(last)}`;
    throw new ProblemError({
      title: "Invalid query",
      status: 400,
      detail: `after: ${message}`,
      errors: [{ path: "after", message }],
    });
  }
  const events: JobEvent[] = [];
  let characters = 0;
  for (const event of commits.filter((commit) => lastSeq(commit) > after).flatMap(eventsOf)) {
    if (event.seq <= after) continue;
    characters += JSON.stringify(event).length;
    if (events.length > 0 && (events.length >= limit || characters > MAX_PAGE_CHARACTERS)) break;
    events.push(event);
  }
  const next = events.at(-1)?.seq ?? after;
  const end = last.events.at(-1);
  return { events, next, ended: next === lastSeq(last) && end !== undefined && isTerminal(end) };
}
