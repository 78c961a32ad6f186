import { Duration } from "aws-cdk-lib";
import { Stats } from "aws-cdk-lib/aws-cloudwatch";
import type { Construct } from "constructs";
import { topics, WEBHOOKS } from "../src/contract/messages.ts";
import { type Instance, webhookVariables } from "./instance.ts";
import { ownMetric } from "./own-metric.ts";
import { QueueWorker } from "./queue-worker.ts";

export interface WebhookQueueProps {
  readonly instance: Instance;
}

/** Senders at once: they wait for receivers, of which some may hang for 15 s. */
export const WEBHOOK_CONCURRENCY = 20;

/** Sends webhooks. It reads jobs, keeps records in partitions of their own, and can neither write to a log nor publish. */
export class WebhookQueue extends QueueWorker<"webhooks"> {
  constructor(scope: Construct, id: string, { instance }: WebhookQueueProps) {
    const { stage, data } = instance;
    super(scope, id, {
      instance,
      kind: "webhooks",
      topic: topics.requested(WEBHOOKS),
      queueName: WEBHOOKS,
      description: "Sends webhooks",
      timeout: Duration.seconds(30),
      memoryMb: 512,
      batchSize: 10,
      maxConcurrency: WEBHOOK_CONCURRENCY,
      environment: webhookVariables(instance),
      grant: (worker) => {
        data.grantReadJobs(worker);
        data.grantRecords(worker);
      },
      failures: [
        ownMetric("WebhookAttemptsFailed", stage, {}, { label: "attempts failed" }),
        ownMetric("WebhooksGivenUp", stage, {}, { label: "given up" }),
      ],
      durations: [ownMetric("WebhookDuration", stage, {}, { statistic: Stats.p(95), label: "receiver p95" })],
    });
  }
}
