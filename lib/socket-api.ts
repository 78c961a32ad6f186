import { Duration, RemovalPolicy, Stack } from "aws-cdk-lib";
import { AccessLogFormat } from "aws-cdk-lib/aws-apigateway";
import { LogGroupLogDestination, WebSocketApi, WebSocketStage } from "aws-cdk-lib/aws-apigatewayv2";
import { WebSocketLambdaAuthorizer } from "aws-cdk-lib/aws-apigatewayv2-authorizers";
import { WebSocketLambdaIntegration } from "aws-cdk-lib/aws-apigatewayv2-integrations";
import { GraphWidget, type IMetric, type IWidget, Stats } from "aws-cdk-lib/aws-cloudwatch";
import type { IFunction } from "aws-cdk-lib/aws-lambda";
import { LogGroup } from "aws-cdk-lib/aws-logs";
import { DeduplicationScope, FifoThroughputLimit, Queue, QueueEncryption } from "aws-cdk-lib/aws-sqs";
import { Construct } from "constructs";
import { acknowledge, acknowledgeWildcard } from "./acknowledge.ts";
import { allow } from "./allow.ts";
import { acknowledgeDeadLetters, feed } from "./feed.ts";
import type { Instance } from "./instance.ts";
import { addAlarm, METRIC_PERIOD } from "./monitoring.ts";
import { SluiceFunction } from "./sluice-function.ts";

export interface SluiceSocketApiProps {
  readonly instance: Omit<Instance, "queueUrlPrefix">;
  /** Connections and frames a second, and at once after a pause, before callers are refused. */
  readonly throttle: { readonly rate: number; readonly burst: number };
}

/** API Gateway waits no longer for an answer. */
const SOCKET_TIMEOUT = Duration.seconds(29);
const DELIVERY_TIMEOUT = Duration.seconds(60);
/** What is older than a connection can be is of interest to nobody. */
const RETENTION = Duration.hours(2);
const DEAD_LETTER_RETENTION = Duration.days(14);
/** Its job's next message waits for so many tries; its watchers ask again by themselves after a minute. */
const MAX_RECEIVES = 5;
/** Watchers ask again by themselves where nothing has come for a minute. */
const LATE_S = 60;
/** Messages of one job come one after the other: this is how many jobs are delivered at once. */
const DELIVERIES = { batchSize: 10, maxConcurrency: 20 } as const;

/**
 * The WebSocket API: who connects, what they subscribe to, and the queue by which writers of jobs tell that there is something to
 * send. See docs/decisions/2026-11-25-websocket-on-aws.md.
 */
export class SluiceSocketApi extends Construct {
  readonly stage: WebSocketStage;
  readonly queue: Queue;
  readonly deadLetters: Queue;
  readonly socket: SluiceFunction<"socket">;
  readonly delivery: SluiceFunction<"delivery">;
  /** Its row of the dashboard. */
  readonly widgets: IWidget[];
  readonly #api: WebSocketApi;
  readonly #instance: SluiceSocketApiProps["instance"];

  constructor(scope: Construct, id: string, { instance, throttle }: SluiceSocketApiProps) {
    super(scope, id);
    this.#instance = instance;
    const { data, functions } = instance;
    this.#api = new WebSocketApi(this, "WebSocketApi", {
      apiName: `sluice-${instance.stage}-socket`,
      description: `Sluice ${instance.stage}: events as they come`,
      routeSelectionExpression: "$request.body.type",
    });
    this.stage = this.#addStage(throttle);
    const common = {
      encryption: QueueEncryption.SQS_MANAGED,
      enforceSSL: true,
      fifo: true,
      removalPolicy: RemovalPolicy.DESTROY,
    };
    this.deadLetters = new Queue(this, "DeadLetters", { ...common, retentionPeriod: DEAD_LETTER_RETENTION });
    acknowledgeDeadLetters(this.deadLetters);
    this.queue = new Queue(this, "Queue", {
      ...common,
      // As many messages a second as there are jobs, rather than 300 in all.
      deduplicationScope: DeduplicationScope.MESSAGE_GROUP,
      fifoThroughputLimit: FifoThroughputLimit.PER_MESSAGE_GROUP_ID,
      retentionPeriod: RETENTION,
      visibilityTimeout: Duration.seconds(DELIVERY_TIMEOUT.toSeconds() + 30),
      deadLetterQueue: { queue: this.deadLetters, maxReceiveCount: MAX_RECEIVES },
    });
    const environment = {
      SLUICE_TABLE: data.table.tableName,
      SLUICE_BUCKET: data.bucket.bucketName,
      SLUICE_SOCKET_ENDPOINT: this.endpoint,
      SLUICE_DELIVERY_QUEUE_URL: this.queue.queueUrl,
    };
    this.socket = new SluiceFunction(this, "Socket", {
      kind: "socket",
      defaults: functions,
      environment,
      description: "Takes what clients send by WebSocket",
      timeout: SOCKET_TIMEOUT,
    });
    data.grantReadLogs(this.socket);
    data.grantSubscriptions(this.socket);
    this.grantTell(this.socket);
    this.#grantConnections(this.socket, "POST");
    this.#grantConnections(this.socket, "DELETE");
    this.delivery = new SluiceFunction(this, "Delivery", {
      kind: "delivery",
      defaults: functions,
      environment,
      description: "Sends events of jobs to those who watch them",
      timeout: DELIVERY_TIMEOUT,
      consumesQueue: true,
    });
    data.grantReadJobs(this.delivery);
    data.grantSubscriptions(this.delivery);
    // What does not fit into a job's turn is a message of its own.
    this.grantTell(this.delivery);
    this.#grantConnections(this.delivery, "POST");
    // Who does not take their frames is closed.
    this.#grantConnections(this.delivery, "DELETE");
    this.#feed();
    this.#addAlarms();
    this.widgets = this.#row();
  }

  /** Where clients connect: `wss://…`. */
  get url(): string {
    return this.stage.url;
  }

  /** Where frames for connections are handed in: `https://…`. */
  get endpoint(): string {
    return this.stage.callbackUrl;
  }

  /** Look whether anybody watches a job, and tell that it may have something to send. */
  grantTell(fn: IFunction): void {
    this.#instance.data.grantReadSubscriptions(fn);
    allow(fn, ["sqs:SendMessage"], this.queue.queueArn);
  }

  /** Send frames to connections of this API. */
  grantSend(fn: IFunction): void {
    this.#grantConnections(fn, "POST");
  }

  /** Opens it to whom the authorizer lets in. */
  addRoutes(authorizer: IFunction): void {
    const live = this.#instance.releases?.live(this.socket) ?? this.socket;
    const integration = new WebSocketLambdaIntegration("Socket", live, { timeout: SOCKET_TIMEOUT });
    this.#api.addRoute("$connect", {
      integration,
      // A key is in a header, a ticket in the query: what is named as a source must be there.
      authorizer: new WebSocketLambdaAuthorizer("Authorizer", authorizer, { identitySource: [] }),
    });
    for (const key of ["$disconnect", "$default"]) {
      const route = this.#api.addRoute(key, { integration });
      acknowledge(route, "AwsSolutions-APIG4", "API Gateway authorizes a connection once, when it is made");
    }
  }

  #addStage(throttle: SluiceSocketApiProps["throttle"]): WebSocketStage {
    const { logRetention: retention, removalPolicy } = this.#instance.functions;
    const accessLogs = new LogGroup(this, "AccessLogs", { retention, removalPolicy });
    return new WebSocketStage(this, "Stage", {
      webSocketApi: this.#api,
      stageName: "live",
      autoDeploy: true,
      throttle: { rateLimit: throttle.rate, burstLimit: throttle.burst },
      accessLogSettings: {
        destination: new LogGroupLogDestination(accessLogs),
        format: AccessLogFormat.custom(JSON.stringify(ACCESS_LOG)),
      },
    });
  }

  #grantConnections(fn: IFunction, method: "POST" | "DELETE"): void {
    const arn = Stack.of(this).formatArn({
      service: "execute-api",
      resource: this.#api.apiId,
      resourceName: `${this.stage.stageName}/${method}/@connections/*`,
    });
    allow(fn, ["execute-api:ManageConnections"], arn);
    acknowledgeWildcard(fn, arn, "Connections have names that API Gateway gives them");
  }

  #feed(): void {
    allow(
      this.delivery,
      ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ChangeMessageVisibility"],
      this.queue.queueArn,
    );
    feed(this, this.#instance.releases?.live(this.delivery) ?? this.delivery, this.queue, DELIVERIES);
  }

  #addAlarms(): void {
    const { monitoring } = this.#instance;
    addAlarm(this, "OldestMessageAlarm", monitoring, {
      metric: this.queue.metricApproximateAgeOfOldestMessage({ period: METRIC_PERIOD, statistic: Stats.MAXIMUM }),
      above: LATE_S,
      periods: 3,
      meaning: `Events have waited for more than ${LATE_S} s to be sent by WebSocket.`,
      paragraph: "live-delivery",
    });
    addAlarm(this, "DeadLettersAlarm", monitoring, {
      metric: this.deadLetters.metricApproximateNumberOfMessagesVisible({
        period: METRIC_PERIOD,
        statistic: Stats.MAXIMUM,
      }),
      meaning: `Events could not be sent by WebSocket in ${MAX_RECEIVES} tries.`,
      paragraph: "live-delivery",
    });
  }

  #row(): IWidget[] {
    const graph = (title: string, left: IMetric[]): IWidget =>
      new GraphWidget({ title: `WebSocket: ${title}`, width: 6, height: 6, left, liveData: true });
    const period = METRIC_PERIOD;
    const count = (name: string, label: string): IMetric =>
      this.#api.metric(name, { period, statistic: Stats.SUM, label });
    return [
      graph("connections", [count("ConnectCount", "made"), count("ClientError", "refused")]),
      graph("frames, both ways", [count("MessageCount", "frames")]),
      graph("age of the oldest, s", [
        this.queue.metricApproximateAgeOfOldestMessage({ period, statistic: Stats.MAXIMUM, label: "oldest" }),
      ]),
      graph("errors", [
        this.socket.metricErrors({ period, label: "socket" }),
        this.delivery.metricErrors({ period, label: "delivery" }),
        this.deadLetters.metricApproximateNumberOfMessagesVisible({
          period,
          statistic: Stats.MAXIMUM,
          label: "dead letters",
        }),
      ]),
    ];
  }
}

/** No frame, and no query, in which a ticket would be. */
const ACCESS_LOG = {
  requestId: "$context.requestId",
  time: "$context.requestTime",
  ip: "$context.identity.sourceIp",
  tenant: "$context.authorizer.tenant",
  connection: "$context.connectionId",
  event: "$context.eventType",
  status: "$context.status",
  latencyMs: "$context.integrationLatency",
  authorizerStatus: "$context.authorizer.status",
  error: "$context.error.responseType",
};
