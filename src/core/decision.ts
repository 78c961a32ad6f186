import type { EventBody } from "../contract/events.ts";
import type { Message } from "../contract/messages.ts";
import type { JobState } from "./state.ts";

/** What somebody wants of a job, decided on the job as it is. Called again on every conflict: it must be pure. */
export type Decide<T> = (state: JobState, nowMs: number) => Decision<T>;

export interface Decision<T> {
  readonly events: readonly EventBody[];
  readonly result: T;
  /** Messages besides those that follow from the events. */
  readonly messages?: readonly Message[];
  /** Run the workflow even if no event calls for it; what is wrong with it goes on record. */
  readonly advance?: boolean;
}
