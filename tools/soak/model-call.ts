/** How far a call got at the model server. */
export type CallOutcome =
  /** Its whole answer was written. */
  | "answered"
  /** Refused at once: nothing was inferred. */
  | "throttled"
  | "failed"
  | "refused"
  /** Begun, and then the server ended the connection. */
  | "broken"
  /** Begun, and never answered. */
  | "hung"
  /** Its caller was gone before the whole answer was written. */
  | "abandoned"
  /** Not at its end yet. */
  | "open";

/** A call whose whole request the model server has read. */
export interface ModelCall {
  readonly job: string;
  readonly step: string;
  /** Which of the engine's processes made it, counted from 0: each is given another URL of the server. */
  readonly generation: number;
  /** Where the caller tells. */
  readonly attempt?: number;
  /** When its request was read, in epoch ms. */
  readonly acceptedMs: number;
  outcome: CallOutcome;
  /** When its last word was written, in epoch ms, where it was answered. */
  answeredMs?: number;
}

/** Outcomes of which nothing was inferred. */
const REFUSALS: readonly CallOutcome[] = ["throttled", "failed", "refused"];

/** A call that the model has worked on: what a provider would bill, the whole or a part. */
export const isInference = ({ outcome }: ModelCall): boolean => !REFUSALS.includes(outcome);

/** What the model server tells while it works: an answer goes on, an answer has just been written. */
export type ModelNotice = "streaming" | "answered";
