import type { Usage } from "../../src/contract/events.ts";
import type { MessageDetail } from "../../src/contract/messages.ts";
import type { MetricName } from "../../src/contract/metrics.ts";
import type { Runtime } from "../../src/core/runtime.ts";
import { failSpan, inSpan } from "../../src/telemetry/trace.ts";

export interface ObservedStep {
  readonly stepId: string;
  readonly capability: string;
  readonly attempt: number;
  readonly requestedAt: string;
}

/** What became of an attempt, for its span. */
export interface Observed {
  readonly failedWith?: string;
}

/** Runs an attempt in a span below its job's, and says how long it waited and took. */
export function observeStep<T extends Observed>(
  { stepId, capability, attempt, requestedAt }: ObservedStep,
  { jobId, traceparent }: MessageDetail,
  { clock, metrics }: Runtime,
  body: () => Promise<T>,
): Promise<T> {
  const startedMs = clock.now();
  metrics.record("StepWait", Math.max(0, startedMs - Date.parse(requestedAt)), "Milliseconds", { capability });
  const attributes = {
    "messaging.system": "aws_sqs",
    "messaging.operation.type": "process",
    "messaging.destination.name": capability,
    "sluice.job.id": jobId,
    "sluice.step.id": stepId,
    "sluice.capability": capability,
    "sluice.attempt": attempt,
  };
  return inSpan(`step ${capability}`, { kind: "consumer", traceparent, attributes }, async (span) => {
    const outcome = await body();
    metrics.record("StepDuration", clock.now() - startedMs, "Milliseconds", { capability });
    if (outcome.failedWith !== undefined) failSpan(span, outcome.failedWith);
    return outcome;
  });
}

export function countSteps(name: MetricName, count: number, capability: string, { metrics }: Runtime): void {
  if (count > 0) metrics.record(name, count, "Count", { capability });
}

/** A model's name may come from a caller: beyond this many in a process, they count together. */
const MAX_MODELS = 20;
const models = new Set<string>();

export function countTokens(usage: Usage | undefined, capability: string, { metrics }: Runtime): void {
  if (usage?.model === undefined) return;
  if (models.size < MAX_MODELS) models.add(usage.model);
  const model = models.has(usage.model) ? usage.model.slice(0, 200) : "other";
  const { inputTokens, outputTokens } = usage;
  if (inputTokens !== undefined) metrics.record("InputTokens", inputTokens, "Count", { capability, model });
  if (outputTokens !== undefined) metrics.record("OutputTokens", outputTokens, "Count", { capability, model });
}
