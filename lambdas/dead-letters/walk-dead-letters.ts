import { isJobId, type JobId, type TenantId } from "../../src/contract/ids.ts";
import { deadLettersOf, type WaitingLetter } from "../../src/core/commands.ts";
import { cursorAfter } from "../../src/core/list-cursor.ts";
import { readState } from "../../src/core/read-job.ts";
import type { Runtime } from "../../src/core/runtime.ts";
import { ADVANCE_STEP, type JobState } from "../../src/core/state.ts";
import { listHeads } from "../jobs/jobs.ts";

export interface Filter {
  readonly workflow?: string | undefined;
  readonly capability?: string | undefined;
  readonly error?: string | undefined;
  readonly cursor?: string | undefined;
  /** Jobs that are looked at. */
  readonly limit: number;
}

/** A job may have a thousand steps, each with an input of 1 MB: so many are read at a time. */
const JOBS_AT_ONCE = 8;

/**
 * Offers what waits for a person, newest jobs first, those of one job in the order in which they were given up, until `take`
 * declines one. Resolves with the cursor from which the declined one comes next, or what was not looked at; undefined at
 * the end of the list. Read from the logs: also what has lost its message.
 */
export async function walkDeadLetters(
  tenant: TenantId,
  filter: Filter,
  runtime: Pick<Runtime, "index" | "log" | "blobs" | "snapshots">,
  take: (state: JobState, letter: WaitingLetter) => boolean | Promise<boolean>,
): Promise<string | undefined> {
  const { workflow, limit } = filter;
  const from = parseCursor(filter.cursor);
  const query = {
    tenant,
    status: "dead-lettered" as const,
    limit,
    ...(workflow === undefined ? {} : { workflow }),
    ...(from.list === undefined ? {} : { cursor: from.list }),
  };
  const { jobs, cursor: next } = await listHeads(query, runtime.index);
  let before = from.list;
  for (let at = 0; at < jobs.length; at += JOBS_AT_ONCE) {
    const heads = jobs.slice(at, at + JOBS_AT_ONCE);
    const states = await Promise.all(heads.map(({ jobId }) => readState(runtime, jobId)));
    for (const [n, head] of heads.entries()) {
      const state = states[n];
      for (const letter of state?.tenant === tenant ? matching(state, filter) : []) {
        if (head.jobId === from.jobId && letter.seq < from.seq) continue;
        if (state && !(await take(state, letter))) return cursorAt(before, head.jobId, letter.seq);
      }
      before = cursorAfter(head);
    }
  }
  return next;
}

export const errorOf = (state: JobState, { stepId }: WaitingLetter): JobState["error"] =>
  stepId === ADVANCE_STEP ? state.advance?.error : state.steps.get(stepId)?.error;

function matching(state: JobState, { capability, error }: Filter): WaitingLetter[] {
  return deadLettersOf(state).filter(
    (letter) =>
      (capability ?? letter.capability) === letter.capability &&
      (error === undefined || errorOf(state, letter)?.name === error),
  );
}

interface Place {
  /** Of the list of jobs. */
  readonly list: string | undefined;
  /** Of the first job after it, if it still is that one, what came before this seq was offered. */
  readonly jobId?: JobId;
  readonly seq: number;
}

const WITHIN_JOB = /^([\w-]*)\.(job_[a-z2-7]+)\.(\d{1,15})$/;

const cursorAt = (list: string | undefined, jobId: JobId, seq: number): string => `${list ?? ""}.${jobId}.${seq}`;

/** What is no cursor of ours is left to the list, which says so. */
function parseCursor(cursor: string | undefined): Place {
  const [, list = "", jobId = "", seq] = WITHIN_JOB.exec(cursor ?? "") ?? [];
  if (!isJobId(jobId)) return { list: cursor, seq: 0 };
  return { list: list === "" ? undefined : list, jobId, seq: Number(seq) };
}
