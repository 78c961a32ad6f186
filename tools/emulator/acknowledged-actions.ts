import type { Acknowledgement } from "./least-privilege.ts";

const POLLER =
  "Lambda takes messages from a queue in its function's name (docs.aws.amazon.com/lambda/latest/dg/with-sqs.html#events-sqs-permissions); no function of ours makes the call";

/**
 * Rights of roles that no call of a function uses, whatever it does, and that must stay: Lambda uses them for it. What
 * only one kind of run does not use is said where that run is made.
 */
export const ACKNOWLEDGED: readonly Acknowledgement[] = [
  { function: "*", action: "logs:*", reason: "Lambda writes what a function prints into its log" },
  { function: "*/Worker", action: "sqs:ReceiveMessage", reason: POLLER },
  { function: "*/Worker", action: "sqs:DeleteMessage", reason: POLLER },
  { function: "*/Worker", action: "sqs:GetQueueAttributes", reason: POLLER },
  { function: "Sluice/Sockets/Delivery", action: "sqs:ReceiveMessage", reason: POLLER },
  { function: "Sluice/Sockets/Delivery", action: "sqs:DeleteMessage", reason: POLLER },
  { function: "Sluice/Sockets/Delivery", action: "sqs:GetQueueAttributes", reason: POLLER },
];

const SELDOM =
  "Seldom used, and not for sure in a run on the emulator: test/aws/least-privilege.test.ts makes the call";

const FORKED =
  "Asked for where a job is forked whose first step's capability limits its backlog; Submit makes the same calls in every run";

const WATCHED =
  "Asked for where somebody watches a job that is redriven with others; Commands and Submit make the same call in every run";

/** Rights that a run of the conformance suite may not come to use. Those that it does use are no mistake. */
export const NOT_IN_EVERY_RUN: readonly Acknowledgement[] = [
  { function: "Sluice/Api/Submit", action: "s3:GetObject", reason: SELDOM },
  { function: "Sluice/Api/Commands", action: "s3:*Object", reason: SELDOM },
  { function: "Sluice/Api/Commands", action: "sqs:GetQueueAttributes", reason: FORKED },
  { function: "Sluice/Api/Commands", action: "cloudwatch:GetMetricData", reason: FORKED },
  { function: "Sluice/Api/DeadLetters", action: "s3:*Object", reason: SELDOM },
  {
    function: "Sluice/Api/DeadLetters",
    action: "sqs:SendMessage",
    resource: "<Sluice/Sockets/Queue>",
    reason: WATCHED,
  },
  { function: "Sluice/Api/WebhookEndpoints", action: "s3:GetObject", reason: SELDOM },
  { function: "Sluice/Pipeline/Webhooks/Worker", action: "sqs:ChangeMessageVisibility", reason: SELDOM },
  { function: "Sluice/Sockets/Delivery", action: "sqs:ChangeMessageVisibility", reason: SELDOM },
  {
    function: "Sluice/Sockets/Delivery",
    action: "sqs:SendMessage",
    resource: "<Sluice/Sockets/Queue>",
    reason: SELDOM,
  },
  {
    function: "Sluice/Sockets/Delivery",
    action: "execute-api:ManageConnections",
    resource: "*/DELETE/@connections/*",
    reason: SELDOM,
  },
  { function: "Sluice/Operations/Reconciler", action: "*", reason: SELDOM },
  { function: "Sluice/Pipeline/*", action: "s3:*Object", reason: SELDOM },
  { function: "Sluice/Pipeline/*", action: "dynamodb:*", resource: "<Data/Table> limit#*", reason: SELDOM },
  { function: "Sluice/Pipeline/Capability-*/Worker", action: "execute-api:ManageConnections", reason: SELDOM },
  { function: "Sluice/Pipeline/*", action: "sqs:SendMessage", reason: SELDOM },
  { function: "Sluice/Pipeline/Workflow-*", action: "events:PutEvents", reason: SELDOM },
  { function: "Sluice/Api/Capabilities", action: "cloudwatch:GetMetricData", reason: SELDOM },
];
