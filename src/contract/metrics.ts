/** What dashboards and alarms outside may rely on. */

/** Where our figures are in CloudWatch. */
export const METRICS_NAMESPACE = "Sluice";
/** The dimension `service` of each of them. */
export const SERVICE_NAME = "sluice";

export const METRIC_NAMES = [
  "JobsSubmitted",
  "JobsRefused",
  "JobsEnded",
  "JobDuration",
  "StepsCompleted",
  "StepsFailed",
  "StepsThrottled",
  "StepsDeferred",
  "StepsInDoubt",
  "StepsDeadLettered",
  "StepDuration",
  "StepWait",
  "InputTokens",
  "OutputTokens",
  "AppendConflicts",
  "WorkflowErrors",
  "MessagesRepublished",
  "JobsReconciled",
  "WebhooksDelivered",
  "WebhookAttemptsFailed",
  "WebhooksGivenUp",
  "WebhookDuration",
] as const;
export type MetricName = (typeof METRIC_NAMES)[number];
