import type { MessageDetail } from "../../src/contract/messages.ts";
import { topics } from "../../src/contract/messages.ts";
import { letterDetail } from "../../src/core/publish.ts";
import type { Runtime } from "../../src/core/runtime.ts";

export interface Letter {
  readonly stepId: string;
  readonly reason: string;
  /** Of the event that gave the step up. */
  readonly seq: number;
}

/** A step's message in the dead letters, sent after it is on record. A second one goes when dead letters are reviewed. */
export async function sendDeadLetter(
  { stepId, reason, seq }: Letter,
  { detail, capability }: { readonly detail: MessageDetail; readonly capability: string },
  { queue }: Pick<Runtime, "queue">,
): Promise<void> {
  const message = {
    topic: topics.requested(capability),
    detail: { ...letterDetail(detail, seq), stepIds: [stepId] },
  };
  await queue.deadLetter(capability, message, { reason, seq });
}
