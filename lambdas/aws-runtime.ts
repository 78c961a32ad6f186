import { tmpdir } from "node:os";
import { join } from "node:path";
import { sqsSuffix } from "../src/contract/queue-names.ts";
import type { App } from "../src/core/define-app.ts";
import type { Corpus, Resources } from "../src/core/resources.ts";
import { createRuntime, type Logger, type Metrics, type Runtime } from "../src/core/runtime.ts";
import { noDocuments } from "../src/corpus/no-documents.ts";
import { awsClients, cloudWatchClient } from "../src/engines/aws/aws-clients.ts";
import { AWS_MAX_SKEW_MS, openAwsEngine } from "../src/engines/aws/aws-engine.ts";
import type { Environment } from "../src/engines/aws/environment.ts";
import { QueueAges } from "../src/engines/aws/queue-ages.ts";
import { systemClock } from "../src/engines/shared/system-clock.ts";
import { startTelemetry } from "../src/telemetry/start-telemetry.ts";
import { powerLogger } from "./power-logger.ts";
import { PowerMetrics } from "./power-metrics.ts";

type Writing = Environment<"submit">;

export interface AwsRuntimeOptions {
  readonly app: App;
  readonly environment: Writing & { readonly SLUICE_MODEL?: string | undefined };
  /** For functions that run capabilities. @default no documents */
  readonly corpus?: Corpus;
  /** For functions that call models, see `startTelemetry`. */
  readonly traceModels?: () => Promise<void>;
  /** Ask CloudWatch how old backlogs are. @default false */
  readonly ages?: boolean;
}

/** The runtime of a function: the app on the AWS engine. */
export async function awsRuntime(options: AwsRuntimeOptions): Promise<Runtime> {
  const { app, environment, corpus = noDocuments, ages = false } = options;
  const { SLUICE_STAGE: stage, SLUICE_TABLE, SLUICE_BUCKET, SLUICE_BUS, SLUICE_DEPLOY_SEQ } = environment;
  const queueUrlPrefix = environment.SLUICE_QUEUE_URL_PREFIX;
  const logger = functionLogger(stage);
  const engine = openAwsEngine({
    table: SLUICE_TABLE,
    bucket: SLUICE_BUCKET,
    bus: SLUICE_BUS,
    queueUrlPrefix,
    deploySeq: SLUICE_DEPLOY_SEQ,
    clients: awsClients(),
    onError: (what, about) => logger.warn(what, about),
    ...(ages ? { ages: queueAges(app, queueUrlPrefix, logger) } : {}),
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

function queueAges(app: App, urlPrefix: string, logger: Logger): QueueAges {
  const prefix = urlPrefix.slice(urlPrefix.lastIndexOf("/") + 1);
  return new QueueAges({
    client: cloudWatchClient(),
    queueNames: [...app.capabilities.keys()].map((name) => prefix + sqsSuffix(name)),
    clock: systemClock,
    onError: (error) => logger.warn("ages of backlogs are not known", { error: (error as Error).name }),
  });
}
