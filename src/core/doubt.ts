import { type ErrorInfo, type EventBody, type EventOf, Usage } from "../contract/events.ts";
import type { AnyCapability } from "./define-capability.ts";
import type { Resources } from "./resources.ts";
import { IN_DOUBT } from "./retry.ts";
import type { StepState } from "./state.ts";

/** Says of a step's last attempt that nobody knows how its call ended, how much of it had come, and what it may have used. */
export function doubtOf(
  { id: stepId, attempt, text, input }: StepState,
  policy: EventOf<"step.in_doubt">["policy"],
  capability: AnyCapability,
  resources: Resources,
): EventBody {
  const estimate = estimateOf(capability, input, text, resources);
  return {
    type: "step.in_doubt",
    ...{ stepId, capability: capability.name, attempt, policy },
    ...(text === "" ? {} : { streamed: text.length }),
    ...(estimate === undefined ? {} : { estimate }),
  };
}

export interface Doubt {
  readonly message: string;
  readonly cause?: ErrorInfo;
  /** What the call has told that it used. Without it, the estimate counts. */
  readonly usage?: Usage | undefined;
}

/** Leaves a step whose call is in doubt to a person. */
export function holdInDoubt(
  step: StepState,
  { usage, ...error }: Doubt,
  capability: AnyCapability,
  resources: Resources,
): EventBody[] {
  const { id: stepId, attempt } = step;
  return [
    { ...doubtOf(step, "hold", capability, resources), ...(usage ? { estimate: usage } : {}) },
    { type: "step.dead_lettered", stepId, capability: capability.name, attempt, error: { name: IN_DOUBT, ...error } },
  ];
}

/** An author's estimate must not keep a step from being worked on. */
function estimateOf(
  { estimateUsage }: AnyCapability,
  input: StepState["input"],
  streamed: string,
  resources: Resources,
): Usage | undefined {
  try {
    return Usage.safeParse(estimateUsage?.(input, streamed, resources)).data;
  } catch {
    return undefined;
  }
}
