import type { z } from "zod";
import type {
  DeadLetterList,
  DeadLetterView,
  ListDeadLettersQuery,
  RedriveAllRequest,
  RedrivenList,
} from "../../src/contract/api.ts";
import type { TenantId } from "../../src/contract/ids.ts";
import type { WaitingLetter } from "../../src/core/commands.ts";
import { iso } from "../../src/core/iso.ts";
import { IN_DOUBT } from "../../src/core/retry.ts";
import type { Runtime } from "../../src/core/runtime.ts";
import type { JobState, StepState } from "../../src/core/state.ts";
import { redrive } from "../commands/commands.ts";
import { errorKeys } from "../error-keys.ts";
import { linksOf } from "../jobs/jobs.ts";
import { problemOf } from "../problem-responses.ts";
import { isHeldInDoubt } from "./held-in-doubt.ts";
import { redriveCursor, redrivePlaceOf } from "./redrive-cursor.ts";
import { errorOf, walkDeadLetters } from "./walk-dead-letters.ts";

/** What one answer may take as JSON, in bytes; one letter always fits. A Lambda function may answer with 6 MB. */
const MAX_PAGE_BYTES = 1_048_576;
/** A larger input is left out: the log has it. */
const MAX_INPUT_BYTES = 4_096;
const MAX_ATTEMPTS = 10;
const SUBMITTED_SEQ = 1;

/** A page of the tenant's dead letters. */
export async function listDeadLetters(
  tenant: TenantId,
  query: z.output<typeof ListDeadLettersQuery>,
  runtime: Pick<Runtime, "index" | "log" | "blobs" | "snapshots">,
): Promise<z.infer<typeof DeadLetterList>> {
  const deadLetters: DeadLetterView[] = [];
  let bytes = 0;
  const next = await walkDeadLetters(tenant, query, runtime, (state, letter) => {
    const view = viewOf(state, letter);
    bytes += bytesOf(view);
    if (deadLetters.length > 0 && (deadLetters.length >= query.limit || bytes > MAX_PAGE_BYTES)) return false;
    deadLetters.push(view);
    return true;
  });
  return { deadLetters, ...(next === undefined ? {} : { next }) };
}

/**
 * Redrives what the filter names, one after the other at its rate, after those of the page before; up to `limit` are tried. What is refused, or fails by
 * itself, is told and passed over. An outage ends it: the cursor does not pass what it kept from being tried. Rejects
 * with it where it came first. Calls in doubt are left to wait, and counted, unless the filter's error is
 * {@link IN_DOUBT}: a person decides on each.
 */
export async function redriveAll(
  tenant: TenantId,
  request: RedriveAllRequest,
  runtime: Runtime,
): Promise<RedrivenList> {
  const { reason, ratePerSecond, limit } = request;
  const because = reason === undefined ? {} : { reason };
  const begunMs = runtime.clock.now();
  const intervalMs = 1_000 / ratePerSecond;
  const { list: cursor, lastMs: before } = redrivePlaceOf(request.cursor);
  const firstMs = before === undefined ? begunMs : Math.max(begunMs, before + intervalMs);
  let lastMs = before;
  const redriven: RedrivenList["redriven"] = [];
  const failed: RedrivenList["failed"] = [];
  let inDoubt = 0;
  const next = await walkDeadLetters(tenant, { ...request, cursor }, runtime, async (state, letter) => {
    if (redriven.length + failed.length >= limit) return false;
    const { jobId } = state;
    const { stepId, seq } = letter;
    if (request.error !== IN_DOUBT && isHeldInDoubt(state, letter, runtime.app)) {
      inDoubt += 1;
      return true;
    }
    const notBeforeMs = Math.round(firstMs + redriven.length * intervalMs);
    const command = { stepId, seq, ...because, ...(notBeforeMs > begunMs ? { notBeforeMs } : {}) };
    try {
      const taken = await redrive({ tenant, jobId }, command, runtime);
      if (taken.length === 0) return true;
      redriven.push({ jobId, stepId, notBefore: iso(notBeforeMs) });
      lastMs = notBeforeMs;
      return true;
    } catch (error) {
      const { status, detail } = problemOf(error).problem;
      const isOutage = status === 503;
      if (isOutage && redriven.length + failed.length === 0) throw error;
      if (status >= 500) runtime.logger.error("dead letter not redriven", { jobId, stepId, ...errorKeys(error) });
      failed.push({ jobId, stepId, status, detail });
      return !isOutage;
    }
  });
  return { redriven, failed, inDoubt, ...(next === undefined ? {} : { next: redriveCursor(next, lastMs) }) };
}

function viewOf(state: JobState, letter: WaitingLetter): DeadLetterView {
  const { jobId, workflow, usage, deadlineMs } = state;
  const { stepId, capability, seq, at } = letter;
  const step = state.steps.get(stepId);
  const error = errorOf(state, letter);
  const { links, ...input } = inputOf(state, step);
  return {
    jobId,
    workflow,
    stepId,
    capability,
    seq,
    at,
    attempts: (step?.attempts ?? []).slice(-MAX_ATTEMPTS).map((attempt) => ({ ...attempt })),
    ...(error === undefined ? {} : { error }),
    ...input,
    usage: { ...usage },
    deadline: iso(deadlineMs),
    links: { ...linksOf(jobId), ...links },
  };
}

/** What the step, or the workflow, was given: itself, or how large it is and where. */
function inputOf(
  state: JobState,
  step: StepState | undefined,
): Pick<DeadLetterView, "input" | "inputBytes"> & { links?: object } {
  const { input, inputSeq } = step ?? { input: state.input, inputSeq: SUBMITTED_SEQ };
  if (input === undefined) return {};
  const inputBytes = bytesOf(input);
  if (inputBytes <= MAX_INPUT_BYTES) return { input };
  return { inputBytes, links: { input: `${linksOf(state.jobId).events}?after=${inputSeq - 1}&limit=1` } };
}

const bytesOf = (value: unknown): number => Buffer.byteLength(JSON.stringify(value));
