import type { ErrorInfo, JobEvent, JobView, Usage } from "../wire.ts";

/** Seconds, as precise as they are worth reading. */
export function seconds(ms: number): string {
  return ms < 10_000 ? `${(ms / 1_000).toFixed(2)} s` : ms < 120_000 ? `${(ms / 1_000).toFixed(1)} s` : minutes(ms);
}

function minutes(ms: number): string {
  const whole = Math.round(ms / 1_000);
  const [hours, rest] = [Math.floor(whole / 3_600), whole % 3_600];
  return `${hours > 0 ? `${hours} h ` : ""}${Math.floor(rest / 60)} min ${rest % 60} s`;
}

export const between = (from: string, to: string): number => Date.parse(to) - Date.parse(from);

/** An error and what led to it, outermost first. */
export function chainOf(error: ErrorInfo): string[] {
  const chain: string[] = [];
  for (let link: ErrorInfo | undefined = error; link !== undefined; link = link.cause) {
    chain.push(`${link.name}: ${link.message}`);
  }
  return chain;
}

export function usageText({ inputTokens, outputTokens, costUsd, model }: Usage): string {
  const parts = [
    ...(inputTokens !== undefined || outputTokens !== undefined
      ? [`${inputTokens ?? 0} tokens in, ${outputTokens ?? 0} out`]
      : []),
    ...(costUsd !== undefined ? [`$${costUsd.toFixed(costUsd < 0.01 ? 6 : 4)}`] : []),
    ...(model !== undefined ? [model] : []),
  ];
  return parts.join(", ");
}

export function costText({ usage, usageInDoubt }: Pick<JobView, "usage" | "usageInDoubt">): string {
  const certain = usageText(usage) || "no tokens on record";
  const priced =
    usage.costUsd === undefined && usage.inputTokens !== undefined ? `${certain}; the app states no price` : certain;
  return usageInDoubt === undefined ? priced : `${priced}; besides, in doubt: ${usageText(usageInDoubt)}`;
}

/** What an event says beside its type, in a few words. */
export function detailOf(event: JobEvent): string {
  switch (event.type) {
    case "job.submitted":
      return event.workflow;
    case "job.failed":
      return `${event.error.name}: ${event.error.message}`;
    case "job.cancelled":
      return event.reason ?? "";
    case "job.completed":
    case "job.expired":
      return "";
    case "step.requested":
      return `${event.stepId} (${event.capability})`;
    case "step.started":
      return `${event.stepId} attempt ${event.attempt}`;
    case "step.progress":
      return `${event.stepId} ${event.offset + (event.text?.length ?? 0)} characters`;
    case "step.completed":
      return `${event.stepId}${event.by === undefined ? "" : ` by ${event.by}`}`;
    case "step.failed":
    case "step.dead_lettered":
      return `${event.stepId} attempt ${event.attempt}: ${event.error.name}: ${event.error.message}`;
    case "step.in_doubt":
      return `${event.stepId} attempt ${event.attempt}, policy ${event.policy}`;
    case "step.redriven":
      return `${event.stepId} by ${event.by}${event.reason === undefined ? "" : `: ${event.reason}`}`;
    case "step.discarded":
      return `${event.stepId}: ${event.reason}`;
    case "timer.set":
      return `${event.timerId} until ${event.fireAt}`;
    case "timer.fired":
      return event.timerId;
    case "signal.requested":
    case "signal.received":
      return event.signal;
    case "value.recorded":
      return event.valueId;
    default:
      // A newer server's: its type says all that is known here.
      return "";
  }
}
