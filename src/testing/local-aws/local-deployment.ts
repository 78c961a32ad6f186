import type { APIGatewayProxyEvent, Context } from "aws-lambda";
import type { z } from "zod";
import { createHandler as createAdvance } from "../../../lambdas/advance/create-handler.ts";
import { createHandler as createCommands } from "../../../lambdas/commands/create-handler.ts";
import { createHandler as createDeadLetters } from "../../../lambdas/dead-letters/create-handler.ts";
import { createHandler as createEvents } from "../../../lambdas/events/create-handler.ts";
import { createHandler as createJobs } from "../../../lambdas/jobs/create-handler.ts";
import { createHandler as createReconciler } from "../../../lambdas/reconciler/create-handler.ts";
import { createHandler as createSubmit } from "../../../lambdas/submit/create-handler.ts";
import { createHandler as createWebhookEndpoints } from "../../../lambdas/webhook-endpoints/create-handler.ts";
import { createHandler as createWebhooks } from "../../../lambdas/webhooks/create-handler.ts";
import { createHandler as createWorker } from "../../../lambdas/worker/create-handler.ts";
import type { DeadLetterList, JobView, RedrivenList } from "../../contract/api.ts";
import type { JobEvent } from "../../contract/events.ts";
import { advanceQueue, topics, WEBHOOKS } from "../../contract/messages.ts";
import { sqsSuffix } from "../../contract/queue-names.ts";
import type { App } from "../../core/define-app.ts";
import type { Clock } from "../../core/ports.ts";
import type { Resources } from "../../core/resources.ts";
import { createRuntime, type Logger, type Metrics, type Ports, type Runtime } from "../../core/runtime.ts";
import { ApiGatewaySockets } from "../../engines/aws/api-gateway-sockets.ts";
import { AWS_MAX_SKEW_MS, openAwsEngine } from "../../engines/aws/aws-engine.ts";
import type { AroundInvocation } from "./around-invocation.ts";
import { Connections } from "./connections.ts";
import { LambdaPoller } from "./lambda-poller.ts";
import { type LocalAws, startLocalAws } from "./local-aws.ts";
import { LocalWebSocketApi } from "./web-socket-api.ts";

export interface LocalDeploymentOptions {
  readonly app: App;
  readonly resources: Resources;
  /** Containers of each worker. @default 4 */
  readonly containers?: number;
  /** Messages that one invocation gets at most. @default 10 */
  readonly batchSize?: number;
  readonly logger?: Logger;
  /** One for each container. @default none are kept */
  readonly newMetrics?: () => Metrics;
  /** @default the machine's */
  readonly clock?: Clock;
  /** Something between the handlers and the engine. */
  readonly wrap?: (engine: Ports) => Ports;
  /** The deployment's number that a new container of a function has, by its construct's path. @default 1 everywhere */
  readonly deploySeqOf?: (path: string) => number;
  /** Have a WebSocket API. @default false */
  readonly webSocket?: boolean;
  /** Something around each invocation. @default nothing */
  readonly around?: AroundInvocation;
}

/** The whole of an instance: every handler on the AWS engine, in containers that share no memory, on local servers. */
export interface LocalDeployment {
  readonly aws: LocalAws;
  readonly errors: unknown[];
  /** Throws where it was not asked for. */
  readonly webSocket: LocalWebSocketApi;
  newRuntime(): Runtime;
  submit(
    workflow: string,
    input: unknown,
    headers?: Record<string, string>,
    tenant?: string,
    options?: object,
  ): Promise<Answer<JobView>>;
  job(id: string, tenant?: string): Promise<Answer<JobView>>;
  events(id: string, after?: number): Promise<Answer<{ events: JobEvent[]; ended: boolean }>>;
  /** What a tenant says and asks about webhooks; a resource of its routes. */
  webhooks<T>(
    method: "GET" | "POST" | "DELETE",
    resource: string,
    parameters?: object,
    body?: object,
  ): Promise<Answer<T>>;
  /** What a person asks of a job, such as `cancel`. */
  command(name: Command, id: string, body?: object): Promise<Answer<JobView>>;
  deadLetters(): Promise<Answer<z.infer<typeof DeadLetterList>>>;
  redriveAll(filter?: object): Promise<Answer<z.infer<typeof RedrivenList>>>;
  reconcile(): Promise<void>;
  /** Resolves with the job once its status is one of these. */
  ended(id: string, statuses?: readonly JobView["status"][]): Promise<JobView>;
  startWorkers(): void;
  stopWorkers(): Promise<void>;
  close(): Promise<void>;
}

export type Command = "cancel" | "redrive" | "discard" | "redeliver" | "fork";

export interface Answer<T> {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: T;
}

const eventReads = (runtime: Runtime) => ({
  ...runtime,
  places: { limits: runtime.limits, most: 100, heldMs: 60_000 },
});
const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} };
const context = { getRemainingTimeInMillis: () => 30_000 } as Context;
const POLL_MS = 25;
const API_FUNCTIONS = {
  submit: "Submit",
  jobs: "Jobs",
  events: "Events",
  commands: "Commands",
  deadLetters: "DeadLetters",
  webhooks: "WebhookEndpoints",
} as const;
const json = (body: object | undefined, headers: Record<string, string> = {}) => ({
  headers: { "content-type": "application/json", ...headers },
  body: body === undefined ? null : JSON.stringify(body),
});
const ENDED = ["completed", "failed", "expired", "cancelled"] as const;

export async function deployLocally(options: LocalDeploymentOptions): Promise<LocalDeployment> {
  const {
    app,
    resources,
    containers = 4,
    batchSize = 10,
    logger = silent,
    newMetrics,
    clock,
    wrap = (engine) => engine,
    deploySeqOf = () => 1,
    webSocket = false,
    around = (_, invoke) => invoke(),
  } = options;
  const queues = [
    ...[...app.capabilities.keys()].map((name) => ({ name, topic: topics.requested(name) })),
    ...[...app.workflows.keys()].map((name) => ({ name: advanceQueue(name), topic: topics.advance(name) })),
    { name: WEBHOOKS, topic: topics.requested(WEBHOOKS) },
  ];
  const aws = await startLocalAws({ queues });
  const errors: unknown[] = [];
  const connections = webSocket ? await listening() : undefined;
  const push = connections && {
    deliveryQueueUrl: aws.watchedQueueUrl,
    sockets: new ApiGatewaySockets(connections.client({ once: true })),
  };
  const newRuntime = (path = ""): Runtime =>
    createRuntime(wrap(openAwsEngine({ ...aws, ...push, deploySeq: deploySeqOf(path), ...(clock ? { clock } : {}) })), {
      app,
      resources,
      logger,
      ...(newMetrics ? { metrics: newMetrics() } : {}),
      maxSkewMs: AWS_MAX_SKEW_MS,
      webhooksToLoopback: true,
    });
  const poller = (
    queue: string,
    construct: string,
    newHandler: (runtime: Runtime) => ReturnType<typeof createWorker>,
  ): LambdaPoller => {
    const path = `Sluice/Pipeline/${construct}/Worker`;
    return new LambdaPoller({
      client: aws.clients.sqs,
      queueUrl: aws.queueUrlPrefix + sqsSuffix(queue),
      newContainer: () => {
        const handler = newHandler(newRuntime(path));
        let cold = true;
        return (event, context) => {
          const about = { function: path, records: event.Records.length, cold };
          cold = false;
          return around(about, () => handler(event, context));
        };
      },
      batchSize,
      maximumConcurrency: containers,
      visibilityS: 60,
      onError: (error) => errors.push(error),
    });
  };
  const pollers = [
    ...[...app.capabilities.keys()].map((name) =>
      poller(name, `Capability-${name}`, (runtime) => createWorker(runtime, name)),
    ),
    ...[...app.workflows.keys()].map((name) =>
      poller(advanceQueue(name), `Workflow-${name}`, (runtime) => createAdvance(runtime, name)),
    ),
    poller(WEBHOOKS, "Webhooks", (runtime) => createWebhooks({ ...runtime, random: () => runtime.ids.random() })),
  ];
  const live =
    connections &&
    new LocalWebSocketApi({ aws, connections, newRuntime, around, onError: (error) => errors.push(error) });
  const http = {
    submit: createSubmit(newRuntime("Sluice/Api/Submit")),
    jobs: createJobs(newRuntime("Sluice/Api/Jobs")),
    events: createEvents(eventReads(newRuntime("Sluice/Api/Events"))),
    commands: createCommands(newRuntime("Sluice/Api/Commands")),
    deadLetters: createDeadLetters(newRuntime("Sluice/Api/DeadLetters")),
    webhooks: createWebhookEndpoints(newRuntime("Sluice/Api/WebhookEndpoints")),
  };
  const reconciler = createReconciler(newRuntime("Sluice/Operations/Reconciler"));
  const call = async <T>(name: keyof typeof http, event: Partial<APIGatewayProxyEvent>, tenant = "acme") => {
    const requestContext = { requestId: "test", authorizer: { tenant } };
    const whole = { headers: {}, path: event.resource, ...event, requestContext } as unknown as APIGatewayProxyEvent;
    const about = { function: `Sluice/Api/${API_FUNCTIONS[name]}`, records: 0, cold: false };
    const { statusCode, headers, body } = await around(about, () => http[name](whole, context));
    return { status: statusCode, headers: headers as Record<string, string>, body: JSON.parse(body) as T };
  };
  const deployment: LocalDeployment = {
    aws,
    errors,
    get webSocket() {
      if (live) return live;
      throw new Error("this deployment has no WebSocket API");
    },
    newRuntime,
    submit: (workflow, input, headers = {}, tenant, options) =>
      call(
        "submit",
        {
          resource: "/v1/jobs",
          ...json({ workflow, input, ...(options ? { options } : {}) }, headers),
        },
        tenant,
      ),
    job: (jobId, tenant) => call("jobs", { resource: "/v1/jobs/{jobId}", pathParameters: { jobId } }, tenant),
    events: (jobId, after = 0) =>
      call("events", {
        resource: "/v1/jobs/{jobId}/events",
        pathParameters: { jobId },
        queryStringParameters: { after: String(after), limit: "1000" },
      }),
    webhooks: (httpMethod, resource, parameters = {}, body) =>
      call("webhooks", { httpMethod, resource, pathParameters: { ...parameters }, ...json(body) }),
    command: (name, jobId, body) =>
      call("commands", { resource: `/v1/jobs/{jobId}/${name}`, pathParameters: { jobId }, ...json(body) }),
    deadLetters: () => call("deadLetters", { resource: "/v1/dead-letters" }),
    redriveAll: (filter) => call("deadLetters", { resource: "/v1/dead-letters/redrive", ...json(filter) }),
    async reconcile() {
      const about = { function: "Sluice/Operations/Reconciler", records: 0, cold: false };
      await around(about, () => reconciler({} as never, context));
    },
    async ended(id, statuses = ENDED) {
      for (;;) {
        const { body } = await deployment.job(id);
        if (statuses.includes(body.status)) return body;
        await new Promise((resolve) => setTimeout(resolve, POLL_MS));
      }
    },
    startWorkers() {
      for (const each of [...pollers, ...(live ? [live] : [])]) each.start();
    },
    stopWorkers: async () => {
      await Promise.all([...pollers, ...(live ? [live] : [])].map((each) => each.stop()));
    },
    async close() {
      await deployment.stopWorkers();
      await connections?.close();
      await aws.close();
    },
  };
  return deployment;
}

async function listening(): Promise<Connections> {
  const connections = new Connections();
  await connections.listen();
  return connections;
}
