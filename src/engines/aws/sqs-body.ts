import { JSONStringified } from "@aws-lambda-powertools/parser/helpers";
import { BusEvent, EVENT_SOURCE, type Message, type MessageDetail } from "../../contract/messages.ts";

const Body = JSONStringified(BusEvent).transform(
  (event): Message => ({ topic: event["detail-type"], detail: event.detail as MessageDetail }),
);

/** A message as a bus would deliver it: whoever sends it, consumers read one form. */
export const bodyOf = ({ topic, detail }: Message): string =>
  JSON.stringify({ source: EVENT_SOURCE, "detail-type": topic, detail });

/** Undefined for a body that is no event of ours. */
export const messageOf = (body: string | undefined): Message | undefined => Body.safeParse(body).data;
