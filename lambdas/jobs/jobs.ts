import type { z } from "zod";
import type { JobSummary, JobView, ListJobsQuery } from "../../src/contract/api.ts";
import type { JobId, TenantId } from "../../src/contract/ids.ts";
import { ProblemError } from "../../src/contract/problem.ts";
import { iso } from "../../src/core/iso.ts";
import { BadCursorError, type JobIndex, type ListQuery } from "../../src/core/ports.ts";
import { type JobStores, readState } from "../../src/core/read-job.ts";
import type { Runtime } from "../../src/core/runtime.ts";
import { isEnded, type JobState, type StepState } from "../../src/core/state.ts";

/** One job from its log. Throws a 404 for one that does not exist, or is another tenant's. */
export async function getJob(tenant: TenantId, jobId: JobId, stores: JobStores): Promise<JobView> {
  const state = await readState(stores, jobId);
  if (state === undefined || state.tenant !== tenant) throw noSuchJob(jobId);
  return viewOf(state);
}

/** The tenant's jobs, newest first. */
export async function listJobs(
  tenant: TenantId,
  query: z.output<typeof ListJobsQuery>,
  { index }: Pick<Runtime, "index">,
): Promise<{ jobs: JobSummary[]; next?: string }> {
  const { jobs, cursor } = await listHeads({ tenant, ...query }, index);
  return {
    jobs: jobs.map(({ jobId, workflow, status, createdAt }) => ({
      id: jobId,
      workflow,
      status,
      createdAt,
      links: linksOf(jobId),
    })),
    ...(cursor === undefined ? {} : { next: cursor }),
  };
}

/** A page of the index. Throws a 400 for a cursor that it never gave out. */
export async function listHeads(query: ListQuery, index: JobIndex): ReturnType<JobIndex["list"]> {
  try {
    return await index.list(query);
  } catch (error) {
    if (!(error instanceof BadCursorError)) throw error;
    throw new ProblemError({
      title: "Invalid query",
      status: 400,
      detail: error.message,
      errors: [{ path: "cursor", message: error.message }],
    });
  }
}

export const noSuchJob = (jobId: string): ProblemError =>
  new ProblemError({ title: "No such job", status: 404, detail: `there is no job ${jobId}` });

export const linksOf = (jobId: string): JobView["links"] => ({
  self: `/v1/jobs/${jobId}`,
  events: `/v1/jobs/${jobId}/events`,
});

/** The same with links that lead there from where the caller called. */
export function linkedFrom<T extends { readonly links: object }>(basePath: string, job: T): T {
  const links = Object.entries(job.links).map(([name, path]) => [name, basePath + path]);
  return { ...job, links: Object.fromEntries(links) };
}

/** A job as its owner sees it: a copy, which does not change with the state. */
export function viewOf(state: JobState): JobView {
  return {
    id: state.jobId,
    workflow: state.workflow,
    status: state.status,
    createdAt: state.createdAt,
    updatedAt: state.updatedAt,
    deadline: iso(state.deadlineMs),
    ...(state.startAtMs === undefined ? {} : { startAt: iso(state.startAtMs) }),
    ...(state.forkedFrom === undefined ? {} : { forkedFrom: state.forkedFrom }),
    seq: state.seq,
    ...(state.output === undefined ? {} : { result: state.output }),
    ...errorOf(state),
    usage: { ...state.usage },
    ...(Object.keys(state.usageInDoubt).length > 0 ? { usageInDoubt: { ...state.usageInDoubt } } : {}),
    ...(state.inputDrift.length > 0 ? { inputDrift: [...state.inputDrift] } : {}),
    steps: [...state.steps.values()].map((step) => stepView(step, isEnded(state) && step.answeredSeq === 0)),
    ...(state.timers.size > 0 ? { timers: timersOf(state) } : {}),
    ...(state.signals.size > 0 ? { signals: signalsOf(state) } : {}),
    links: linksOf(state.jobId),
  };
}

const signalsOf = ({ signals }: JobState): JobView["signals"] =>
  [...signals].map(([name, { receivedAt }]) =>
    receivedAt === undefined ? { name, status: "awaited" } : { name, status: "received", receivedAt },
  );

const timersOf = ({ timers }: JobState): JobView["timers"] =>
  [...timers].map(([id, { fireAtMs, firedSeq }]) => ({ id, fireAt: iso(fireAtMs), fired: firedSeq > 0 }));

function errorOf(state: JobState): { error?: JobView["error"] } {
  const error = state.error ?? state.advance?.error;
  return error === undefined ? {} : { error };
}

/** Of an abandoned step only its past is told: nobody will come back to it. */
function stepView(step: StepState, isAbandoned: boolean): JobView["steps"][number] {
  const { retryAtMs, deadLettered } = isAbandoned ? {} : step;
  return {
    id: step.id,
    capability: step.capability,
    status: isAbandoned ? "abandoned" : step.status,
    requestedAt: step.requestedAt,
    ...(retryAtMs === undefined ? {} : { retryAt: iso(retryAtMs) }),
    ...(step.error === undefined || step.status === "completed" ? {} : { error: step.error }),
    ...(deadLettered === undefined ? {} : { deadLetterSeq: deadLettered.seq }),
    attempts: step.attempts.map((attempt) => ({ ...attempt })),
  };
}
