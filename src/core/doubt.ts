import { type EventBody, type EventOf, Usage } from "../contract/events.ts";
import type { AnyCapability } from "./define-capability.ts";
import type { Resources } from "./resources.ts";
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
