import { tmpdir } from "node:os";
import { join } from "node:path";
import { sqsSuffix } from "../src/contract/queue-names.ts";
import type { App } from "../src/core/define-app.ts";
import type { Corpus, Resources } from "../src/core/resources.ts";
import { createRuntime, type Logger, type Metrics, type Readers, type Runtime } from "../src/core/runtime.ts";
import type { Sockets } from "../src/core/subscribers.ts";
import { noDocuments } from "../src/corpus/no-documents.ts";
import { awsClients, cloudWatchClient } from "../src/engines/aws/aws-clients.ts";
import { AWS_MAX_SKEW_MS, openAwsEngine } from "../src/engines/aws/aws-engine.ts";
import type { Environment } from "../src/engines/aws/environment.ts";
import { QueueMetric, type QueueMetricProps } from "../src/engines/aws/queue-metric.ts";
import { systemClock } from "../src/engines/shared/system-clock.ts";
import { startTelemetry } from "../src/telemetry/start-telemetry.ts";
import { powerLogger } from "./power-logger.ts";
import { PowerMetrics } from "./power-metrics.ts";

type Writing = Environment<"reconciler">;

export interface AwsRuntimeOptions {
  readonly app: App;
  readonly environment: Writing & { readonly SLUICE_MODEL?: string | undefined } & Partial<
      Pick<Environment<"submit">, "SLUICE_WEBHOOKS_TO_LOOPBACK">
    >;
  /** For functions that run capabilities. @default no documents */
  readonly corpus?: Corpus;
  /** For functions that call models, see `startTelemetry`. */
  readonly traceModels?: () => Promise<void>;
  /** Ask CloudWatch how old backlogs are. @default false */
  readonly ages?: boolean;
  /** Ask CloudWatch how fast queues are worked off: all, or those whose backlog is limited. @default none */
  readonly deleted?: "all" | "limited";
  /** Of the WebSocket API, for functions whose steps stream. @default what they stream is watched by the log alone */
  readonly sockets?: Sockets | undefined;
  /** @default none */
  readonly readers?: Readers;
}

/** The runtime of a function: the app on the AWS engine. */
export async function awsRuntime(options: AwsRuntimeOptions): Promise<Runtime> {
  const { app, environment, corpus = noDocuments, ages = false, deleted } = options;
  const { SLUICE_STAGE: stage, SLUICE_TABLE, SLUICE_BUCKET, SLUICE_BUS, SLUICE_DEPLOY_SEQ } = environment;
  const queueUrlPrefix = environment.SLUICE_QUEUE_URL_PREFIX;
  const logger = functionLogger(stage);
  const names = [...app.capabilities.keys()];
  const limited = names.filter((name) => app.capabilities.get(name)?.maxBacklog !== undefined);
  const drained = deleted === "all" ? names : deleted === "limited" ? limited : [];
  const metricOf = (metric: QueueMetricProps["metric"], of: readonly string[]): QueueMetric =>
    queueMetric(metric, of, queueUrlPrefix, logger);
  const engine = openAwsEngine({
    table: SLUICE_TABLE,
    bucket: SLUICE_BUCKET,
    bus: SLUICE_BUS,
    queueUrlPrefix,
    deliveryQueueUrl: environment.SLUICE_DELIVERY_QUEUE_URL,
    sockets: options.sockets,
    deploySeq: SLUICE_DEPLOY_SEQ,
    clients: awsClients(),
    onError: (what, about) => logger.warn(what, about),
    ...(ages ? { ages: metricOf("ApproximateAgeOfOldestMessage", names) } : {}),
    ...(drained.length > 0 ? { deleted: metricOf("NumberOfMessagesDeleted", drained) } : {}),
  });
  const resources: Resources = {
    tools: app.tools,
    model: environment.SLUICE_MODEL ?? app.model,
    price: app.price,
    corpus,
  };
  return createRuntime(engine, {
    app,
    resources,
    logger,
    metrics: await functionMetrics(stage, options.traceModels),
    maxSkewMs: AWS_MAX_SKEW_MS,
    ...(options.readers ? { readers: options.readers } : {}),
    webhooksToLoopback: environment.SLUICE_WEBHOOKS_TO_LOOPBACK ?? false,
  });
}

/** With what a reader of log lines filters by. */
export const functionLogger = (stage: string): Logger =>
  powerLogger({ keys: { stage, function: process.env.AWS_LAMBDA_FUNCTION_NAME ?? "local" } });

/** Metrics, whose flush is the telemetry's, too. */
export async function functionMetrics(stage: string, traceModels?: () => Promise<void>): Promise<Metrics> {
  const metrics = new PowerMetrics(stage);
  const telemetry = await startTelemetry(process.env.AWS_LAMBDA_FUNCTION_NAME ?? "sluice", process.env, traceModels);
  return {
    record: (...figure) => metrics.record(...figure),
    async flush() {
      metrics.flush();
      await telemetry.flush();
    },
  };
}

/** Files that a function may write, and the bundle that it came in. */
export const SCRATCH_DIR = tmpdir();
export const bundled = (file: string): string => join(import.meta.dirname, file);

function queueMetric(
  metric: QueueMetricProps["metric"],
  names: readonly string[],
  urlPrefix: string,
  logger: Logger,
): QueueMetric {
  const prefix = urlPrefix.slice(urlPrefix.lastIndexOf("/") + 1);
  return new QueueMetric({
    client: cloudWatchClient(),
    metric,
    queueNames: names.map((name) => prefix + sqsSuffix(name)),
    clock: systemClock,
    onError: (error) => logger.warn("a figure of queues is not known", { metric, error: (error as Error).name }),
  });
}
