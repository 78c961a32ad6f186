import type { z } from "zod";
import type {
  DeadLetterList,
  DeadLetterView,
  ListDeadLettersQuery,
  RedriveAllRequest,
  RedrivenList,
} from "../../src/contract/api.ts";
import type { TenantId } from "../../src/contract/ids.ts";
import { deadLettersOf, type WaitingLetter } from "../../src/core/commands.ts";
import { iso } from "../../src/core/iso.ts";
import { readState } from "../../src/core/read-job.ts";
import type { Runtime } from "../../src/core/runtime.ts";
import { ADVANCE_STEP, type JobState } from "../../src/core/state.ts";
import { redrive } from "../commands/commands.ts";
import { linksOf, listHeads } from "../jobs/jobs.ts";

interface Filter {
  readonly workflow?: string | undefined;
  readonly capability?: string | undefined;
  readonly error?: string | undefined;
  readonly cursor?: string | undefined;
  readonly limit: number;
}

/** A page of the tenant's dead letters, from the logs: also of those whose messages are long gone. `limit` counts jobs. */
export async function listDeadLetters(
  tenant: TenantId,
  query: z.output<typeof ListDeadLettersQuery>,
  runtime: Pick<Runtime, "index" | "log" | "blobs" | "snapshots">,
): Promise<z.infer<typeof DeadLetterList>> {
  const { states, next } = await waitingJobs(tenant, query, runtime);
  const deadLetters = states.flatMap((state) => matching(state, query).map((letter) => viewOf(state, letter)));
  return { deadLetters, ...(next === undefined ? {} : { next }) };
}

/** Redrives what the filter names, one after the other at its rate. */
export async function redriveAll(
  tenant: TenantId,
  request: RedriveAllRequest,
  runtime: Runtime,
): Promise<z.infer<typeof RedrivenList>> {
  const { reason, ratePerSecond } = request;
  const because = reason === undefined ? {} : { reason };
  const { states, next } = await waitingJobs(tenant, request, runtime);
  const begunMs = runtime.clock.now();
  const letters = states.flatMap((state) => matching(state, request).map((letter) => ({ letter, jobId: state.jobId })));
  const redriven: z.infer<typeof RedrivenList>["redriven"] = [];
  for (const { letter, jobId } of letters) {
    const { stepId, seq } = letter;
    const notBeforeMs = begunMs + Math.round((redriven.length / ratePerSecond) * 1_000);
    const command = { stepId, seq, ...because, ...(notBeforeMs > begunMs ? { notBeforeMs } : {}) };
    const taken = await redrive({ tenant, jobId }, command, runtime).catch((error: unknown) => {
      // It has ended or is past its deadline since: not one to stop for.
      runtime.logger.warn("dead letter not redriven", { jobId, error: (error as Error).name });
      return [];
    });
    if (taken.length > 0) redriven.push({ jobId, stepId, notBefore: iso(notBeforeMs) });
  }
  return { redriven, ...(next === undefined ? {} : { next }) };
}

async function waitingJobs(
  tenant: TenantId,
  { workflow, cursor, limit }: Filter,
  runtime: Pick<Runtime, "index" | "log" | "blobs" | "snapshots">,
): Promise<{ readonly states: JobState[]; readonly next: string | undefined }> {
  const query = {
    tenant,
    status: "dead-lettered" as const,
    limit,
    ...(workflow === undefined ? {} : { workflow }),
    ...(cursor === undefined ? {} : { cursor }),
  };
  const { jobs, cursor: next } = await listHeads(query, runtime.index);
  const states = await Promise.all(jobs.map(({ jobId }) => readState(runtime, jobId)));
  return { states: states.filter((state) => state?.tenant === tenant) as JobState[], next };
}

function matching(state: JobState, { capability, error }: Filter): WaitingLetter[] {
  return deadLettersOf(state).filter(
    (letter) =>
      (capability ?? letter.capability) === letter.capability &&
      (error === undefined || errorOf(state, letter)?.name === error),
  );
}

const errorOf = (state: JobState, { stepId }: WaitingLetter): DeadLetterView["error"] =>
  stepId === ADVANCE_STEP ? state.advance?.error : state.steps.get(stepId)?.error;

function viewOf(state: JobState, letter: WaitingLetter): DeadLetterView {
  const step = state.steps.get(letter.stepId);
  const error = errorOf(state, letter);
  const input = step === undefined ? state.input : step.input;
  return {
    jobId: state.jobId,
    workflow: state.workflow,
    stepId: letter.stepId,
    capability: letter.capability,
    seq: letter.seq,
    at: letter.at,
    attempts: (step?.attempts ?? []).map((attempt) => ({ ...attempt })),
    ...(error === undefined ? {} : { error }),
    ...(input === undefined ? {} : { input }),
    usage: { ...state.usage },
    deadline: iso(state.deadlineMs),
    links: linksOf(state.jobId),
  };
}
