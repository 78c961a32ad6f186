import type { SQSEvent, SQSRecord } from "aws-lambda";
import { EVENT_SOURCE } from "../contract/messages.ts";
import type { Delivery } from "../core/ports.ts";

/** Deliveries as Lambda hands them to a consumer (docs.aws.amazon.com/lambda/latest/dg/with-sqs.html). */
export const sqsEvent = (deliveries: readonly Delivery[]): SQSEvent => ({ Records: deliveries.map(recordOf) });

function recordOf(delivery: Delivery): SQSRecord {
  const { message, claimedBy, messageId, receipt, queue } = delivery;
  const sent = String(delivery.enqueuedAtMs);
  return {
    messageId,
    receiptHandle: receipt,
    body: busEvent(delivery),
    attributes: {
      ApproximateReceiveCount: String(delivery.receiveCount),
      SentTimestamp: sent,
      SenderId: "sluice",
      ApproximateFirstReceiveTimestamp: sent,
      MessageGroupId: message.detail.tenant,
    },
    messageAttributes: claimedBy === undefined ? {} : { claimedBy: { dataType: "String", stringValue: claimedBy } },
    md5OfBody: "",
    eventSource: "aws:sqs",
    eventSourceARN: `arn:aws:sqs:local:000000000000:${queue}`,
    awsRegion: "local",
  };
}

/** The message in the envelope that a bus puts around it. */
function busEvent({ message, messageId, enqueuedAtMs }: Delivery): string {
  return JSON.stringify({
    version: "0",
    id: messageId,
    "detail-type": message.topic,
    source: EVENT_SOURCE,
    account: "000000000000",
    time: new Date(enqueuedAtMs).toISOString(),
    region: "local",
    resources: [],
    detail: message.detail,
  });
}
