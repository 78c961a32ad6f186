import type { IFunction } from "aws-cdk-lib/aws-lambda";
import type { IQueue } from "aws-cdk-lib/aws-sqs";
import type { SluiceData } from "./data.ts";
import type { Monitoring } from "./monitoring.ts";
import type { Releases } from "./releases.ts";
import type { FunctionDefaults } from "./sluice-function.ts";

/** How what happens to jobs gets to those who are connected by WebSocket. */
export interface Push {
  /** Writers of jobs tell it what there may be to send. */
  readonly queue: IQueue;
  /** Where clients connect: `wss://…`. */
  readonly url: string;
  /** Where frames for connections are handed in. */
  readonly endpoint: string;
  grantTell(fn: IFunction): void;
  grantSend(fn: IFunction): void;
}

/** What the parts of an instance share. */
export interface Instance {
  /** A name for logs and metrics: one instance of an account and region has it. */
  readonly stage: string;
  readonly data: SluiceData;
  readonly functions: FunctionDefaults;
  readonly monitoring: Monitoring;
  /** By which functions go from one version to the next; without, each deployment changes them at once. */
  readonly releases?: Releases | undefined;
  /** Without, nobody can connect by WebSocket. */
  readonly push?: Push | undefined;
  /** What names of the instance's queues begin with, and their URLs, with the '-' that follows. */
  readonly queuePrefix: string;
  readonly queueUrlPrefix: string;
  /** The number of the deployment, known when it is made. */
  readonly deploySeq: string;
  /** Webhooks may go to the machine that functions run on, and there without TLS. */
  readonly webhooksToLoopback: boolean;
}

/** The variables of every function that writes to logs. */
export function writerVariables({ data, queueUrlPrefix, deploySeq, push }: Instance) {
  return {
    SLUICE_TABLE: data.table.tableName,
    SLUICE_BUCKET: data.bucket.bucketName,
    SLUICE_BUS: data.bus.eventBusName,
    SLUICE_QUEUE_URL_PREFIX: queueUrlPrefix,
    SLUICE_DEPLOY_SEQ: deploySeq,
    SLUICE_DELIVERY_QUEUE_URL: push?.queue.queueUrl,
  };
}

/** The variables of every function that begins jobs. */
export function beginnerVariables(instance: Instance) {
  return {
    ...writerVariables(instance),
    SLUICE_WEBHOOKS_TO_LOOPBACK: instance.webhooksToLoopback ? "true" : undefined,
  };
}

/** The variables of every function that has to do with webhooks. */
export function webhookVariables(instance: Instance) {
  return {
    ...readerVariables(instance),
    SLUICE_QUEUE_URL_PREFIX: instance.queueUrlPrefix,
    SLUICE_WEBHOOKS_TO_LOOPBACK: instance.webhooksToLoopback ? "true" : undefined,
  };
}

/** The variables of every function that reads logs. */
export function readerVariables({ data }: Instance) {
  return { SLUICE_TABLE: data.table.tableName, SLUICE_BUCKET: data.bucket.bucketName };
}
