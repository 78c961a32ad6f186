import type { SluiceData } from "./data.ts";
import type { Monitoring } from "./monitoring.ts";
import type { Releases } from "./releases.ts";
import type { FunctionDefaults } from "./sluice-function.ts";

/** What the parts of an instance share. */
export interface Instance {
  /** A name for logs and metrics: one instance of an account and region has it. */
  readonly stage: string;
  readonly data: SluiceData;
  readonly functions: FunctionDefaults;
  readonly monitoring: Monitoring;
  /** By which functions go from one version to the next; without, each deployment changes them at once. */
  readonly releases?: Releases | undefined;
  /** What names of the instance's queues begin with, and their URLs, with the '-' that follows. */
  readonly queuePrefix: string;
  readonly queueUrlPrefix: string;
  /** The number of the deployment, known when it is made. */
  readonly deploySeq: string;
  /** Webhooks may go to the machine that functions run on, and there without TLS. */
  readonly webhooksToLoopback: boolean;
}

/** The variables of every function that writes to logs. */
export function writerVariables({ data, queueUrlPrefix, deploySeq }: Instance) {
  return {
    SLUICE_TABLE: data.table.tableName,
    SLUICE_BUCKET: data.bucket.bucketName,
    SLUICE_BUS: data.bus.eventBusName,
    SLUICE_QUEUE_URL_PREFIX: queueUrlPrefix,
    SLUICE_DEPLOY_SEQ: deploySeq,
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
