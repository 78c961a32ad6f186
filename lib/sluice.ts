import { CfnOutput, type Duration, Names, type RemovalPolicy, Stack } from "aws-cdk-lib";
import type { IAlarmAction } from "aws-cdk-lib/aws-cloudwatch";
import type { ISecurityGroup, IVpc } from "aws-cdk-lib/aws-ec2";
import type { Function as LambdaFunction } from "aws-cdk-lib/aws-lambda";
import { RetentionDays } from "aws-cdk-lib/aws-logs";
import type { ISecret } from "aws-cdk-lib/aws-secretsmanager";
import { Construct } from "constructs";
import { z } from "zod";
import { MAX_DEADLINE_MS } from "../src/contract/api.ts";
import { type Cors, CorsSettings } from "../src/contract/cors.ts";
import { MAX_QUEUE_PREFIX } from "../src/contract/queue-names.ts";
import { parseModelName, UnknownModelError } from "../src/models/model-name.ts";
import { type ReaderLimits, SluiceApi } from "./api.ts";
import {
  type AccessStatement,
  BedrockAccessError,
  bedrockStatements,
  type InferenceProfiles,
} from "./bedrock-access.ts";
import type { AppManifest } from "./bundling/app-manifest.ts";
import { describeApp } from "./bundling/describe-app.ts";
import { FunctionBundles } from "./bundling/function-bundles.ts";
import { SluiceData } from "./data.ts";
import { DeploymentNumber } from "./deployment-number.ts";
import type { GradualDeployment } from "./gradual-deployment.ts";
import type { Instance } from "./instance.ts";
import { SluiceOperations } from "./operations.ts";
import { SluicePipeline } from "./pipeline.ts";
import { Releases } from "./releases.ts";
import { Secrets, secretPrefix } from "./secrets.ts";
import type { FunctionDefaults, LogLevel } from "./sluice-function.ts";
import { SluiceSocketApi } from "./socket-api.ts";
import { SynthError } from "./synth-error.ts";

/** All who read are entries of one item of the table, of 20 bytes each: each coming and going writes it. */
const MAX_READERS = 1_000;

export interface SluiceProps {
  /** The app module, an absolute path: `export default defineApp({ … })`, TypeScript or JavaScript. */
  readonly app: string;
  /** Names this instance in logs, metrics and names of secrets; unique in an account and region. @default the construct's path */
  readonly stage?: string;
  /** Where jobs are kept. @default made here, and kept when the stack is removed */
  readonly data?: SluiceData;
  /** The model, in place of the app's, such as `bedrock:amazon.nova-lite-v1:0`; see docs/models.md. */
  readonly model?: string;
  /** What stands behind inference profiles of Bedrock that this version does not know; see docs/models.md. */
  readonly inferenceProfiles?: InferenceProfiles;
  /** Secrets by the name of the variable that a capability, or a model's provider, reads. @default those named `sluice/STAGE/VARIABLE` */
  readonly secrets?: Readonly<Record<string, ISecret>>;
  /** Requests a second, and at once after a pause, before callers get 429. @default 100 and 200 */
  readonly throttle?: { readonly rate: number; readonly burst: number };
  /**
   * Readers of server-sent events at once, of all tenants; 0: none. Each holds one execution of a function for as long as it
   * reads, see docs/cost.md. @default 50
   */
  readonly streams?: number;
  /** Submissions at once that wait for their job's end (`Prefer: wait`); 0: none. Each holds one execution. @default 50 */
  readonly waits?: number;
  /** Executions that the account reserves for showing events, which then gets no more: above `streams`, since pages of events need some, too. @default none: small accounts cannot */
  readonly reservedForEvents?: number;
  /**
   * Web pages of which origins may call, and open a WebSocket: each as browsers send it, such as `https://app.example.org`, or
   * "*" for all. Keys do not belong into pages: see tickets in docs/protocol.md. @default of none
   */
  readonly cors?: CorsSettings;
  /**
   * Have a WebSocket API, by which callers get events as they come. Without it there is none, and no function asks whether
   * anybody watches; polling, server-sent events and webhooks stay. @default true
   */
  readonly webSocket?: boolean;
  /** @default one month */
  readonly logRetention?: RetentionDays;
  /** @default INFO */
  readonly logLevel?: LogLevel;
  /** Where spans go by OTLP over HTTP, such as `https://collector:4318`. @default nowhere */
  readonly otlpEndpoint?: string;
  /** The share of traces that goes there, 0 to 1. @default 0.05 */
  readonly traceRatio?: number;
  /**
   * Have Lambda and API Gateway record traces in X-Ray, besides those that go to `otlpEndpoint`. At less than a request a
   * second nearly every invocation is one, at $5 a million. @default false
   */
  readonly xray?: boolean;
  /**
   * Bring new versions of functions to their callers by CodeDeploy, as one of its predefined configurations for Lambda
   * says, and roll them back by alarms; see docs/deploy.md. @default all functions change at once
   */
  readonly gradualDeployment?: GradualDeployment;
  /**
   * Let webhooks go to `http://localhost` and the like. For an emulator whose functions run on the machine of their receivers:
   * on AWS no receiver is on a function's machine, but Lambda's own interface is. @default false
   */
  readonly webhooksToLoopback?: boolean;
  /** Who is told of alarms. @default nobody: they are seen in the console only */
  readonly alarmActions?: readonly IAlarmAction[];
  /** The address of your copy of `docs/runbook.md`. @default that path */
  readonly runbookUrl?: string;
  /** Put the functions into the private subnets of a network, which needs ways to the services of AWS. @default none */
  readonly vpc?: IVpc;
  /** With `vpc`. @default one that lets everything out */
  readonly securityGroups?: readonly ISecurityGroup[];
  /** Make the role with which API Gateway writes logs, for the whole account and region. @default false */
  readonly createApiGatewayAccountRole?: boolean;
}

/**
 * A whole instance: API, workers, queues, alarms, dashboard, and, unless given, the data. Nothing of it is open: calls
 * need a key, which `npm run key` makes.
 *
 * Throws {@link SynthError} for an app that does not load, a model of no known form, and settings that do not fit.
 *
 * @example
 * const sluice = new Sluice(stack, "Ai", { app: join(import.meta.dirname, "sluice.ts") });
 * table.grantReadData(sluice.worker("summarise"));
 * sluice.worker("summarise").addEnvironment("TABLE", table.tableName);
 */
export class Sluice extends Construct {
  readonly data: SluiceData;
  readonly pipeline: SluicePipeline;
  readonly api: SluiceApi;
  /** Not where `webSocket` is false. */
  readonly sockets: SluiceSocketApi | undefined;
  readonly operations: SluiceOperations;
  /** What the app is made of. */
  readonly manifest: AppManifest;

  constructor(scope: Construct, id: string, props: SluiceProps) {
    super(scope, id);
    this.manifest = describeApp(props.app);
    const model = props.model ?? this.manifest.model;
    const stage = stageOf(this, props.stage);
    const modelAccess = accessOf(this, [model, ...this.manifest.models], props.inferenceProfiles);
    const secrets = new Secrets({
      scope: this,
      given: props.secrets ?? {},
      namePrefix: secretPrefix(stage),
      models: [model, ...this.manifest.models],
    });
    const secretsByCapability = new Map(this.manifest.capabilities.map((each) => [each.name, secrets.of(each)]));
    this.data = props.data ?? new SluiceData(this, "Data");
    checkRetention(this.data.objectRetention, this.manifest);
    const bundles = new FunctionBundles(this, props.app, this.manifest);
    const functions = functionDefaults(stage, bundles, this.data.removalPolicy, props);
    const deployment = new DeploymentNumber(this, "Deployment", {
      data: this.data,
      functions,
      hash: bundles.hash,
      secrets: secrets.used(),
    });
    const monitoring = { alarmActions: props.alarmActions ?? [], runbookUrl: props.runbookUrl ?? "docs/runbook.md" };
    const { gradualDeployment: configuration } = props;
    const throttle = props.throttle ?? { rate: 100, burst: 200 };
    const alone: Omit<Instance, "queueUrlPrefix" | "push"> = {
      stage,
      data: this.data,
      functions,
      monitoring,
      releases:
        configuration &&
        new Releases(this, "Releases", { configuration, monitoring, numberedBy: deployment.changesWith }),
      queuePrefix: Names.uniqueResourceName(this, { maxLength: MAX_QUEUE_PREFIX, separator: "-" }),
      deploySeq: deployment.value,
      webhooksToLoopback: props.webhooksToLoopback ?? false,
    };
    this.sockets =
      props.webSocket === false ? undefined : new SluiceSocketApi(this, "Sockets", { instance: alone, throttle });
    this.pipeline = new SluicePipeline(this, "Pipeline", {
      instance: { ...alone, push: this.sockets },
      manifest: this.manifest,
      model,
      modelAccess,
      secretsOf: ({ name }) => secretsByCapability.get(name) ?? new Map(),
    });
    this.api = new SluiceApi(this, "Api", {
      instance: this.pipeline.instance,
      pipeline: this.pipeline,
      model,
      manifest: this.manifest,
      throttle,
      createAccountRole: props.createApiGatewayAccountRole ?? false,
      cors: corsOf(props.cors),
      readers: readersOf(props),
    });
    this.sockets?.addRoutes(this.api.liveAuthorizer);
    const accountRole = this.api.restApi.node.tryFindChild("Account");
    if (accountRole) this.sockets?.stage.node.addDependency(accountRole);
    this.operations = new SluiceOperations(this, "Operations", {
      instance: this.pipeline.instance,
      pipeline: this.pipeline,
      api: this.api,
      sockets: this.sockets,
      manifest: this.manifest,
    });
    this.#addOutputs(id);
  }

  /**
   * The function that works on steps of a capability: for grants, and for variables that its code reads. Throws
   * {@link SynthError} for one that the app does not have.
   */
  worker(capability: string): LambdaFunction {
    return this.pipeline.capability(capability).worker;
  }

  /** What `npm run key`, `corpus` and others read from the file of `cdk deploy --outputs-file`. */
  #addOutputs(id: string): void {
    const outputs = {
      ApiUrl: this.api.restApi.url,
      KeysSecretArn: this.data.keys.secretArn,
      BucketName: this.data.bucket.bucketName,
      Region: Stack.of(this).region,
      ...(this.sockets ? { SocketUrl: this.sockets.url } : {}),
    };
    for (const [name, value] of Object.entries(outputs)) {
      new CfnOutput(this, name, { value }).overrideLogicalId(`${outputPrefix(id)}${name}`);
    }
  }
}

function corsOf(given: CorsSettings | undefined): Cors | undefined {
  if (given === undefined) return undefined;
  const parsed = CorsSettings.safeParse(given);
  if (parsed.success) return parsed.data;
  throw new SynthError(`cors: ${z.prettifyError(parsed.error)}; got ${JSON.stringify(given)}`);
}

function readersOf({ streams = 50, waits = 50, reservedForEvents }: SluiceProps): ReaderLimits {
  for (const [name, value, least] of [
    ["streams", streams, 0],
    ["waits", waits, 0],
    ["reservedForEvents", reservedForEvents ?? 1, 1],
  ] as const) {
    if (Number.isInteger(value) && value >= least && value <= MAX_READERS) continue;
    throw new SynthError(`${name} must be a whole number from ${least} to ${MAX_READERS}; got ${value}`);
  }
  // Pages need one more. Otherwise Lambda refuses readers before the function can say when to come back.
  if (reservedForEvents !== undefined && reservedForEvents <= streams) {
    throw new SynthError(`reservedForEvents must be above streams, which is ${streams}; got ${reservedForEvents}`);
  }
  return { streams, waits, reservedForEvents };
}

/** CloudFormation takes letters and digits only; the tools that read the outputs tell instances apart by what is before. */
function outputPrefix(id: string): string {
  const prefix = id.replaceAll(/[^A-Za-z0-9]/g, "");
  if (prefix !== "") return prefix;
  throw new SynthError(
    `the id of an instance must have a letter, A-Z or a-z, or a digit: its outputs begin with these; got ${JSON.stringify(id)}`,
  );
}

/** Names of secrets and dimensions of metrics take no other characters. */
function stageOf({ node }: Construct, given: string | undefined): string {
  const stage = given ?? node.path.replaceAll(/[^\w.-]+/g, "-");
  if (/^[\w.-]{1,128}$/.test(stage)) return stage;
  throw new SynthError(
    `stage must be 1 to 128 characters of A-Z, a-z, 0-9, '.', '_' or '-'; got ${JSON.stringify(stage)}`,
  );
}

function functionDefaults(
  stage: string,
  bundles: FunctionBundles,
  removalPolicy: RemovalPolicy,
  props: SluiceProps,
): FunctionDefaults {
  const { logLevel = "INFO", otlpEndpoint, traceRatio = 0.05, xray = false } = props;
  if (!(traceRatio >= 0 && traceRatio <= 1)) throw new SynthError(`traceRatio must be from 0 to 1; got ${traceRatio}`);
  return {
    stage,
    code: (kind) => bundles.of(kind),
    logRetention: props.logRetention ?? RetentionDays.ONE_MONTH,
    removalPolicy,
    logLevel,
    xray,
    environment: {
      ...(otlpEndpoint === undefined
        ? {}
        : { OTEL_EXPORTER_OTLP_ENDPOINT: otlpEndpoint, OTEL_TRACES_SAMPLER_ARG: String(traceRatio) }),
    },
    vpc: props.vpc,
    securityGroups: props.securityGroups,
  };
}

/** What calling these models takes. */
function accessOf(
  scope: Construct,
  models: readonly string[],
  profiles: InferenceProfiles | undefined,
): AccessStatement[] {
  const [model = "", ...others] = models;
  try {
    for (const name of models) parseModelName(name);
    return bedrockStatements({ model, models: others }, Stack.of(scope), profiles);
  } catch (error) {
    if (error instanceof UnknownModelError || error instanceof BedrockAccessError) {
      throw new SynthError(error.message, { cause: error });
    }
    throw error;
  }
}

/** The bucket must not lose what a job may still need. */
function checkRetention(objectRetention: Duration, { deadlineMs, retentionMs }: AppManifest): void {
  const neededDays = Math.ceil((Math.max(deadlineMs, MAX_DEADLINE_MS) + retentionMs) / 86_400_000) + 1;
  if (objectRetention.toDays() >= neededDays) return;
  throw new SynthError(
    `objects of jobs are kept for ${objectRetention.toDays()} days, but a job of this app may need them for ${neededDays}: new SluiceData(…, { objectRetention: Duration.days(${neededDays}) })`,
  );
}
