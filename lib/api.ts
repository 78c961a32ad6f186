import { Duration } from "aws-cdk-lib";
import {
  AccessLogFormat,
  AuthorizationType,
  type Authorizer,
  type CfnAuthorizer,
  EndpointType,
  IdentitySource,
  type JsonSchema,
  JsonSchemaType,
  JsonSchemaVersion,
  LambdaIntegration,
  LogGroupLogDestination,
  type Method,
  type MethodOptions,
  Model,
  RequestAuthorizer,
  type RequestValidator,
  ResponseTransferMode,
  RestApi,
} from "aws-cdk-lib/aws-apigateway";
import type { IFunction } from "aws-cdk-lib/aws-lambda";
import { LogGroup } from "aws-cdk-lib/aws-logs";
import { Construct } from "constructs";
import type { Cors } from "../src/contract/cors.ts";
import { allRoutes, type Route } from "../src/contract/routes.ts";
import { acknowledge } from "./acknowledge.ts";
import { addPreflights } from "./add-cors.ts";
import { allow } from "./allow.ts";
import { problemResponses } from "./api-problems.ts";
import type { AppManifest } from "./bundling/app-manifest.ts";
import { beginnerVariables, type Instance, readerVariables, webhookVariables, writerVariables } from "./instance.ts";
import type { SluicePipeline } from "./pipeline.ts";
import type { QueueWorker } from "./queue-worker.ts";
import { NO_XRAY, SluiceFunction } from "./sluice-function.ts";

export interface SluiceApiProps {
  readonly instance: Instance;
  readonly pipeline: SluicePipeline;
  readonly model: string;
  readonly manifest: AppManifest;
  /** Requests a second, and at once after a pause, before callers get 429. */
  readonly throttle: { readonly rate: number; readonly burst: number };
  /**
   * Make the role with which API Gateway writes logs, and set it for the whole account and region. There is one of it: an
   * account that has one needs no other, one that has none cannot write access logs.
   */
  readonly createAccountRole: boolean;
  /** Pages of which origins may call. @default of none */
  readonly cors?: Cors | undefined;
  readonly readers: ReaderLimits;
}

/** Callers who hold a function for as long as they read or wait: most of them at once, 0: none. */
export interface ReaderLimits {
  /** Readers of server-sent events. */
  readonly streams: number;
  /** Submissions that wait for their job's end. */
  readonly waits: number;
  /** Concurrent executions that the account reserves for the function that shows events, which gets no more. */
  readonly reservedForEvents: number | undefined;
}

const TIMEOUT = Duration.seconds(15);
/** API Gateway's own limit: an answer may wait for a job's end. */
const SUBMIT_TIMEOUT = Duration.seconds(29);
/** The longest that an answer can be streamed. */
const STREAM_TIMEOUT = Duration.minutes(15);
/** A reader is billed for the memory as long as it reads. */
const EVENTS_MEMORY_MB = 256;
/** A revoked key is let in for this long, besides the minute for which the authorizer keeps what it has read. */
const AUTHORIZER_CACHE = Duration.seconds(60);

/** The HTTP API: a regional REST API, whose routes are those of the contract, each behind the authorizer but `/healthz`. */
export class SluiceApi extends Construct {
  readonly restApi: RestApi;
  readonly functions: ReadonlyMap<Route["lambda"], SluiceFunction>;
  readonly authorizer: SluiceFunction;
  /** What is called in the authorizer's place. */
  readonly liveAuthorizer: IFunction;

  constructor(scope: Construct, id: string, props: SluiceApiProps) {
    super(scope, id);
    const { instance, throttle, createAccountRole, cors } = props;
    const { logRetention: retention, removalPolicy, xray } = instance.functions;
    const accessLogs = new LogGroup(this, "AccessLogs", { retention, removalPolicy });
    this.restApi = new RestApi(this, "RestApi", {
      // CloudWatch tells APIs apart by it: those of one name would share their figures and alarms.
      restApiName: `sluice-${instance.stage}`,
      description: `Sluice ${instance.stage}: jobs`,
      endpointTypes: [EndpointType.REGIONAL],
      cloudWatchRole: createAccountRole,
      deployOptions: {
        stageName: "api",
        ...(xray ? { tracingEnabled: true } : {}),
        throttlingRateLimit: throttle.rate,
        throttlingBurstLimit: throttle.burst,
        accessLogDestination: new LogGroupLogDestination(accessLogs),
        accessLogFormat: accessLogFormat(xray),
      },
    });
    // The instance has an output of its own for it.
    this.restApi.node.tryRemoveChild("Endpoint");
    this.functions = this.#functions(props);
    this.authorizer = this.#authorizerFunction(instance);
    this.liveAuthorizer = instance.releases?.live(this.authorizer) ?? this.authorizer;
    problemResponses(this.restApi, cors);
    this.#routes(instance);
    if (cors) {
      addPreflights(this.restApi, cors);
      for (const fn of [...this.functions.values(), this.authorizer]) {
        fn.addEnvironment("SLUICE_CORS", JSON.stringify(cors));
      }
    }
    acknowledge(
      this.restApi,
      "AwsSolutions-APIG3",
      "A firewall costs a fixed price a month and is the account's choice; requests need a key and are throttled",
    );
    acknowledge(
      this.restApi.deploymentStage,
      "AwsSolutions-APIG6",
      "Execution logs would hold payloads. Access logs are on, and functions log by ids",
    );
    if (!xray) acknowledge(this.restApi.deploymentStage, "Serverless-APIGWXrayEnabled", NO_XRAY);
    if (createAccountRole) {
      acknowledge(
        this.restApi,
        "AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs]",
        "The role that API Gateway documents for writing logs",
      );
    }
  }

  #routes({ releases }: Instance): void {
    const live = (fn: SluiceFunction): IFunction => releases?.live(fn) ?? fn;
    const authorizer = new RequestAuthorizer(this, "Authorizer", {
      handler: this.liveAuthorizer,
      identitySources: [IdentitySource.header("Authorization")],
      resultsCacheTtl: AUTHORIZER_CACHE,
    });
    // A ticket is in the query and a key in a header: what is named as a source must be there, and is what answers are kept by.
    const orTickets = new RequestAuthorizer(this, "TicketAuthorizer", {
      handler: this.liveAuthorizer,
      identitySources: [],
      resultsCacheTtl: Duration.seconds(0),
    });
    // The CDK says that it is empty.
    (orTickets.node.defaultChild as CfnAuthorizer).addPropertyDeletionOverride("IdentitySource");
    const validator = this.restApi.addRequestValidator("Validator", {
      validateRequestBody: true,
      validateRequestParameters: true,
    });
    const integrations = new Map(
      [...this.functions].map(([name, handler]) => [
        name,
        new LambdaIntegration(live(handler), {
          scopePermissionToMethod: false,
          ...(name === "events" ? { responseTransferMode: ResponseTransferMode.STREAM, timeout: STREAM_TIMEOUT } : {}),
        }),
      ]),
    );
    const body = new Model(this, "Body", {
      restApi: this.restApi,
      contentType: "application/json",
      schema: ANY_OBJECT,
    });
    for (const route of allRoutes) {
      const method = this.restApi.root
        .resourceForPath(route.path)
        .addMethod(
          route.method,
          integrations.get(route.lambda),
          methodOptions(route, { authorizer: route.takesTickets ? orTickets : authorizer, validator, body }),
        );
      this.#acknowledge(method, route);
    }
  }

  #acknowledge(method: Method, route: Route): void {
    acknowledge(
      method,
      "AwsSolutions-COG4",
      "Callers are programs with a bearer key of their tenant, not people of a user pool",
    );
    if (route.public) acknowledge(method, "AwsSolutions-APIG4", "Says only whether the service answers");
  }

  #functions(props: SluiceApiProps): ReadonlyMap<Route["lambda"], SluiceFunction> {
    const { instance, pipeline, model, readers } = props;
    const common = { defaults: instance.functions, timeout: TIMEOUT };
    const { data } = instance;
    const writing = writerVariables(instance);
    const beginning = beginnerVariables(instance);
    const reading = readerVariables(instance);
    const submit = new SluiceFunction(this, "Submit", {
      ...common,
      kind: "submit",
      timeout: SUBMIT_TIMEOUT,
      environment: { ...beginning, SLUICE_WAITS: String(readers.waits) },
      description: "Accepts jobs",
    });
    data.grantBeginJobs(submit);
    data.grantReadFollowers(submit);
    if (readers.waits > 0) data.grantPlaces(submit, "waits");
    instance.push?.grantTell(submit);
    grantAdmission(submit, props);
    const jobs = new SluiceFunction(this, "Jobs", {
      ...common,
      kind: "jobs",
      environment: reading,
      description: "Shows jobs",
    });
    data.grantReadJobs(jobs);
    data.grantList(jobs);
    const events = new SluiceFunction(this, "Events", {
      ...common,
      kind: "events",
      timeout: STREAM_TIMEOUT,
      memoryMb: EVENTS_MEMORY_MB,
      reservedConcurrency: readers.reservedForEvents,
      environment: { ...reading, SLUICE_STREAMS: String(readers.streams) },
      description: "Shows logs of jobs, also as they grow",
    });
    data.grantReadJobs(events);
    if (readers.streams > 0) data.grantPlaces(events, "streams");
    const commands = new SluiceFunction(this, "Commands", {
      ...common,
      kind: "commands",
      environment: beginning,
      description: "Cancels, redrives, discards and forks jobs",
    });
    data.grantWriteJobs(commands);
    data.grantReadFollowers(commands);
    instance.push?.grantTell(commands);
    grantAdmission(commands, props);
    const deadLetters = new SluiceFunction(this, "DeadLetters", {
      ...common,
      kind: "dead-letters",
      environment: writing,
      description: "Shows and redrives what waits for a person",
    });
    data.grantWriteJobs(deadLetters);
    instance.push?.grantTell(deadLetters);
    data.grantList(deadLetters);
    const capabilities = new SluiceFunction(this, "Capabilities", {
      ...common,
      kind: "capabilities",
      environment: { ...writing, SLUICE_MODEL: model },
      description: "Shows capabilities and their backlogs",
    });
    data.grantReadCircuits(capabilities);
    grantBacklogs(capabilities, pipeline.capabilities.values());
    grantDeadLetters(capabilities, pipeline);
    const endpoints = new SluiceFunction(this, "WebhookEndpoints", {
      ...common,
      kind: "webhook-endpoints",
      environment: webhookVariables(instance),
      description: "Keeps endpoints of webhooks, and shows what was sent",
    });
    data.grantReadJobs(endpoints);
    data.grantRecords(endpoints);
    data.grantRemoveRecords(endpoints);
    allow(endpoints, ["sqs:SendMessage"], pipeline.webhooks.topicQueue.queue.queueArn);
    const tickets = new SluiceFunction(this, "Tickets", {
      ...common,
      kind: "tickets",
      environment: { SLUICE_TABLE: data.table.tableName, SLUICE_SOCKET_URL: instance.push?.url },
      description: "Gives out tickets for events of jobs",
    });
    data.grantReadLogs(tickets);
    data.grantReadTicketKey(tickets);
    data.grantMakeTicketKey(tickets);
    const openapi = new SluiceFunction(this, "OpenApi", {
      ...common,
      kind: "openapi",
      environment: {},
      description: "Describes the API",
    });
    const health = new SluiceFunction(this, "Health", {
      ...common,
      kind: "health",
      environment: {},
      description: "Says whether the service answers",
      memoryMb: 128,
    });
    return new Map<Route["lambda"], SluiceFunction>([
      ["submit", submit],
      ["jobs", jobs],
      ["events", events],
      ["commands", commands],
      ["dead-letters", deadLetters],
      ["capabilities", capabilities],
      ["webhook-endpoints", endpoints],
      ["tickets", tickets],
      ["openapi", openapi],
      ["health", health],
    ]);
  }

  #authorizerFunction(instance: Instance): SluiceFunction {
    const authorizer = new SluiceFunction(this, "AuthorizerFunction", {
      kind: "authorizer",
      defaults: instance.functions,
      environment: {
        SLUICE_KEYS_SECRET: instance.data.keys.secretArn,
        SLUICE_TABLE: instance.data.table.tableName,
      },
      description: "Says whose a request is by its key or its ticket",
    });
    instance.data.grantReadKeys(authorizer);
    instance.data.grantReadTicketKey(authorizer);
    instance.data.grantBurnTickets(authorizer);
    return authorizer;
  }
}

/** What it takes to refuse jobs beyond the app's limits: nothing where there are none. */
function grantAdmission(fn: IFunction, { instance: { data }, pipeline, manifest }: SluiceApiProps): void {
  const { jobsPerMinute, jobsInFlight } = manifest.tenantLimits;
  if (jobsPerMinute !== undefined) data.grantLimits(fn);
  if (jobsInFlight !== undefined) data.grantList(fn);
  const limited = manifest.capabilities.filter(({ maxBacklog }) => maxBacklog !== undefined);
  if (limited.length > 0)
    grantBacklogs(
      fn,
      limited.map(({ name }) => pipeline.capability(name)),
    );
}

/** How much waits in each queue, and since when: the latter is known to CloudWatch only, whose metrics no policy can name. */
export function grantBacklogs(fn: IFunction, workers: Iterable<QueueWorker>): void {
  for (const { topicQueue } of workers) allow(fn, ["sqs:GetQueueAttributes"], topicQueue.queue.queueArn);
  allow(fn, ["cloudwatch:GetMetricData"], "*");
  if (fn.role)
    acknowledge(fn.role, "AwsSolutions-IAM5[Resource::*]", "Metrics have no resources that a policy could name");
}

/** How many dead letters of each capability wait for a person. */
function grantDeadLetters(fn: IFunction, { capabilities }: SluicePipeline): void {
  for (const { topicQueue } of capabilities.values()) {
    allow(fn, ["sqs:GetQueueAttributes"], topicQueue.deadLetters.queueArn);
  }
}

interface MethodParts {
  readonly authorizer: Authorizer;
  readonly validator: RequestValidator;
  /** What a body must be. */
  readonly body: Model;
}

function methodOptions(route: Route, { authorizer, validator, body }: MethodParts): MethodOptions {
  return {
    operationName: route.operationId,
    ...(route.public
      ? { authorizationType: AuthorizationType.NONE }
      : { authorizationType: AuthorizationType.CUSTOM, authorizer }),
    requestValidator: validator,
    // Where no body is a body, too, the handler alone says what it may be.
    ...(route.body && !route.bodyOptional ? { requestModels: { "application/json": body } } : {}),
  };
}

/**
 * What is no JSON object reaches no function that must have one. All else is checked by the handler, whose answer names every
 * violation and where it is, the same on both engines: API Gateway's would say "Invalid request body".
 */
const ANY_OBJECT: JsonSchema = { schema: JsonSchemaVersion.DRAFT4, type: JsonSchemaType.OBJECT };

/** No body, no query, no header: who asked for what, and how it went. */
const ACCESS_LOG = {
  requestId: "$context.requestId",
  time: "$context.requestTime",
  ip: "$context.identity.sourceIp",
  tenant: "$context.authorizer.tenant",
  method: "$context.httpMethod",
  resource: "$context.resourcePath",
  path: "$context.path",
  status: "$context.status",
  bytes: "$context.responseLength",
  latencyMs: "$context.responseLatency",
  integrationLatencyMs: "$context.integrationLatency",
  authorizerStatus: "$context.authorizer.status",
  error: "$context.error.responseType",
};

const accessLogFormat = (xray: boolean): AccessLogFormat =>
  AccessLogFormat.custom(JSON.stringify({ ...ACCESS_LOG, ...(xray ? { traceId: "$context.xrayTraceId" } : {}) }));
