import { advance } from "./advance.ts";
import type { App } from "./define-app.ts";
import type { Draft, MayClaimAhead } from "./draft.ts";
import { errorInfo, WorkflowError } from "./errors.ts";
import { iso } from "./iso.ts";
import { isLeftToNewerCode } from "./newer-code.ts";
import type { Ids, LocalWorkers } from "./ports.ts";
import { advanceMessage } from "./publish.ts";
import { ADVANCE_STEP, isEnded, type JobState, waitsForStart } from "./state.ts";

export interface AdvanceDeps {
  readonly app: App;
  readonly ids: Ids;
  readonly deploySeq: number;
  readonly localWorkers?: LocalWorkers;
  /** Whether a step may be claimed for them without asking at the gates. */
  readonly mayClaimAhead?: MayClaimAhead;
  /** A workflow could not be brought forward. */
  readonly onBroken?: (state: JobState, error: WorkflowError) => void;
}

/** Tries to bring a workflow forward before it waits for a person. */
export const MAX_ADVANCE_FAILURES = 3;
const ADVANCE_RETRY_MS = 2_000;

/** Runs the workflow on the draft and adds what it asks for. `record`: what is wrong with it, too; else a message tries again. */
export async function advanceDraft(draft: Draft, record: boolean, deps: AdvanceDeps): Promise<void> {
  const { app, deploySeq, ids, localWorkers, mayClaimAhead = () => true } = deps;
  const { state } = draft;
  if (isEnded(state) || waitsForStart(state, draft.nowMs)) return;
  if (isLeftToNewerCode(state, deploySeq, draft.nowMs)) {
    // Newer code has worked on this job: it advances, we only record (rule 7).
    if (!record) draft.messages.push(advanceMessage(state));
    return;
  }
  const outcome = await advance(state, app, { nowMs: draft.nowMs, random: () => ids.random() });
  if (outcome.kind === "broken") {
    deps.onBroken?.(state, outcome.error);
    if (record) recordBroken(draft, outcome.error);
    else draft.messages.push(advanceMessage(state));
    return;
  }
  if (state.advance !== undefined && outcome.events.length === 0) {
    // The workflow runs again but has nothing new to ask: its failure is over all the same.
    draft.add({ type: "value.recorded", valueId: `recovered/${state.seq}`, value: true });
  }
  for (const event of outcome.events) draft.add(event);
  if (localWorkers && outcome.kind === "waits") draft.claimWith(localWorkers, mayClaimAhead);
}

/** What the workflow asks for could not be written, so it is left to a message, or, if it is asked by one, goes on record. */
export function leaveAdvance(draft: Draft): void {
  if (draft.mustAdvance) recordBroken(draft, new WorkflowError("what the workflow asks for could not be written"));
  else draft.messages.push(advanceMessage(draft.state));
}

function recordBroken(draft: Draft, error: WorkflowError): void {
  const { advance } = draft.state;
  const attempt = (advance?.attempt ?? 0) + 1;
  const failures = (advance?.failures ?? 0) + 1;
  const final = failures >= MAX_ADVANCE_FAILURES;
  const about = { stepId: ADVANCE_STEP, capability: ADVANCE_STEP, attempt, error: errorInfo(error) };
  const retryAt = final ? {} : { retryAt: iso(draft.nowMs + ADVANCE_RETRY_MS * failures) };
  draft.add({ type: "step.failed", ...about, counts: true, final, ...retryAt });
  if (final) draft.add({ type: "step.dead_lettered", ...about });
}
