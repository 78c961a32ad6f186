import { EventSourceMapping, type IFunction } from "aws-cdk-lib/aws-lambda";
import type { IQueue } from "aws-cdk-lib/aws-sqs";
import type { Construct } from "constructs";
import { acknowledge } from "./acknowledge.ts";

export interface FeedProps {
  readonly batchSize: number;
  readonly maxConcurrency: number;
}

/** Has a function take a queue's messages. A batch in which some records wait is answered record by record. */
export function feed(scope: Construct, target: IFunction, queue: IQueue, props: FeedProps): void {
  const mapping = new EventSourceMapping(scope, "Messages", {
    target,
    eventSourceArn: queue.queueArn,
    ...props,
    reportBatchItemFailures: true,
  });
  acknowledge(
    mapping,
    "Serverless-LambdaEventSourceMappingDestination",
    "Lambda takes none for a queue of SQS, which has dead letters of its own",
  );
}

/** Says of a queue that it has no dead letters, since what comes into it are those of another. */
export function acknowledgeDeadLetters(queue: IQueue): void {
  for (const rule of ["AwsSolutions-SQS3", "Serverless-SQSRedrivePolicy"]) {
    acknowledge(queue, rule, "It is a dead-letter queue itself");
  }
}
