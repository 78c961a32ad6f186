import { Duration } from "aws-cdk-lib";
import { Stats } from "aws-cdk-lib/aws-cloudwatch";
import type { Construct } from "constructs";
import { advanceQueue, topics } from "../src/contract/messages.ts";
import { type Instance, writerVariables } from "./instance.ts";
import { ownMetric } from "./own-metric.ts";
import { QueueWorker } from "./queue-worker.ts";

export interface WorkflowQueueProps {
  readonly instance: Instance;
  readonly workflow: string;
}

/** Workers of each workflow's own queue at once. */
export const WORKFLOW_CONCURRENCY = 20;

/** A workflow's own queue: jobs that could not be brought forward together with the result that asked for it. */
export class WorkflowQueue extends QueueWorker<"advance"> {
  constructor(scope: Construct, id: string, { instance, workflow }: WorkflowQueueProps) {
    const { stage } = instance;
    super(scope, id, {
      instance,
      kind: "advance",
      topic: topics.advance(workflow),
      queueName: advanceQueue(workflow),
      description: `Brings jobs of workflow ${workflow} forward`,
      timeout: Duration.minutes(1),
      memoryMb: 512,
      batchSize: 10,
      maxConcurrency: WORKFLOW_CONCURRENCY,
      environment: { ...writerVariables(instance), SLUICE_WORKFLOW: workflow },
      failures: [ownMetric("WorkflowErrors", stage, { workflow }, { label: "workflow errors" })],
      durations: [ownMetric("JobDuration", stage, { workflow }, { statistic: Stats.p(50), label: "job p50" })],
    });
  }
}
