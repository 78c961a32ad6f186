import type { MessageDetail } from "../../src/contract/messages.ts";
import { MAX_AHEAD_MS, topics } from "../../src/contract/messages.ts";
import { decideClaim } from "../../src/core/claim.ts";
import type { AnyCapability } from "../../src/core/define-capability.ts";
import { UnknownJobError } from "../../src/core/errors.ts";
import type { Pass } from "../../src/core/gates.ts";
import type { Runtime } from "../../src/core/runtime.ts";
import type { JobState } from "../../src/core/state.ts";

/** The steps of a message that may go on to be claimed, and what those hold that asked at the gates. */
export interface Passed {
  readonly stepIds: readonly string[];
  readonly passes: ReadonlyMap<string, Pass>;
}

/**
 * Asks at the gates for the steps of a message that would be started, before any is claimed: what an open circuit, an
 * empty bucket or a tenant's full share keeps out costs no attempt. It comes again as a message of its own. Costs nothing
 * where the capability has no gate.
 */
export async function passGates(detail: MessageDetail, capability: AnyCapability, runtime: Runtime): Promise<Passed> {
  const { clock, gates, metrics, queue } = runtime;
  const stepIds = detail.stepIds ?? [];
  if (!gates.guards(capability)) return { stepIds, passes: new Map() };
  const applicants = await applicantsOf(detail, capability, runtime);
  const passes = new Map<string, Pass>();
  const refused = new Set<string>();
  const isSpare = detail.spareUntil !== undefined;
  const asked = await Promise.allSettled(
    applicants.map(async ({ stepId, ...step }) => {
      const { jobId, tenant } = detail;
      const decision = await gates.admit({ capability, jobId, tenant, stepId, isSpare, ...step });
      if (decision.kind === "admitted") {
        passes.set(stepId, decision.pass);
        return;
      }
      const { reason, untilMs } = decision;
      refused.add(stepId);
      if (untilMs > (detail.spareUntil ?? Number.POSITIVE_INFINITY)) return;
      const delayMs = Math.min(Math.max(untilMs - clock.now(), 0), MAX_AHEAD_MS);
      const message = { topic: topics.requested(capability.name), detail: { ...detail, stepIds: [stepId] } };
      await queue.defer(capability.name, message, delayMs);
      metrics.record("StepsDeferred", 1, "Count", { capability: capability.name, reason });
    }),
  );
  const failed = asked.find((outcome) => outcome.status === "rejected");
  if (failed) {
    await Promise.all([...passes.values()].map((pass) => pass.settle("not-called")));
    throw failed.reason;
  }
  return { stepIds: stepIds.filter((stepId) => !refused.has(stepId)), passes };
}

interface Waiting {
  readonly stepId: string;
  readonly input: unknown;
  readonly requestedAtMs: number;
}

/** The steps that a claim would start now. */
async function applicantsOf(
  { jobId, seq, stepIds = [] }: MessageDetail,
  capability: AnyCapability,
  { writer, maxSkewMs, isGone, calls }: Runtime,
): Promise<readonly Waiting[]> {
  const starting = (state: JobState, nowMs: number): Waiting[] => {
    const context = { nowMs, maxSkewMs, isGone, isCalling: calls.has.bind(calls), messageSeq: seq };
    return stepIds.flatMap((stepId) => {
      const step = state.steps.get(stepId);
      const { kind } = decideClaim(state, stepId, capability, context);
      if (step === undefined || (kind !== "start" && kind !== "redrive")) return [];
      return [{ stepId, input: step.input, requestedAtMs: Date.parse(step.askedAt) }];
    });
  };
  try {
    return await writer.update(jobId, (state, nowMs) => ({ events: [], result: starting(state, nowMs) }), seq);
  } catch (error) {
    // Whoever claims says what becomes of such a message.
    if (error instanceof UnknownJobError) return [];
    throw error;
  }
}
