import type { Acknowledgement } from "./least-privilege.ts";

const POLLER =
  "Lambda takes messages from a queue in its function's name (docs.aws.amazon.com/lambda/latest/dg/with-sqs.html#events-sqs-permissions); no function of ours makes the call";

/**
 * Rights of roles that no call of a function uses, whatever it does, and that must stay: Lambda uses them for it. What
 * only one kind of run does not use is said where that run is made.
 */
export const ACKNOWLEDGED: readonly Acknowledgement[] = [
  { function: "*", action: "xray:Put*", reason: "Lambda's own tracing sends the segments" },
  { function: "*", action: "logs:*", reason: "Lambda writes what a function prints into its log" },
  { function: "*/Worker", action: "sqs:ReceiveMessage", reason: POLLER },
  { function: "*/Worker", action: "sqs:DeleteMessage", reason: POLLER },
  { function: "*/Worker", action: "sqs:GetQueueAttributes", reason: POLLER },
];
