import { Duration, type RemovalPolicy } from "aws-cdk-lib";
import { type ISecurityGroup, type IVpc, SubnetType } from "aws-cdk-lib/aws-ec2";
import { PolicyStatement, Role, ServicePrincipal } from "aws-cdk-lib/aws-iam";
import {
  ApplicationLogLevel,
  Architecture,
  type Code,
  Function as LambdaFunction,
  LoggingFormat,
  RecursiveLoop,
  Runtime,
  Tracing,
} from "aws-cdk-lib/aws-lambda";
import { LogGroup, type RetentionDays } from "aws-cdk-lib/aws-logs";
import type { Construct } from "constructs";
import type { z } from "zod";
import type { ENVIRONMENTS, FunctionKind } from "../src/engines/aws/environment.ts";
import { acknowledge } from "./acknowledge.ts";

export type LogLevel = "DEBUG" | "INFO" | "WARN" | "ERROR";

/** What all functions of an instance have in common. */
export interface FunctionDefaults {
  readonly stage: string;
  /** The bundle of a kind of function. */
  readonly code: (kind: FunctionKind) => Code;
  readonly logRetention: RetentionDays;
  readonly removalPolicy: RemovalPolicy;
  readonly logLevel: LogLevel;
  /** Lambda records invocations as traces of X-Ray. */
  readonly xray: boolean;
  /** Variables that the runtime and libraries read. */
  readonly environment: Readonly<Record<string, string>>;
  readonly vpc?: IVpc | undefined;
  readonly securityGroups?: readonly ISecurityGroup[] | undefined;
}

export interface SluiceFunctionProps<K extends FunctionKind> {
  readonly kind: K;
  readonly defaults: FunctionDefaults;
  /** Everything that this kind parses at its start, but for the stage. */
  readonly environment: Variables<K>;
  readonly description: string;
  /** @default 10 s */
  readonly timeout?: Duration;
  /** In MB. Processor time is in proportion. @default 512 */
  readonly memoryMb?: number;
  /** Executions at once that are kept for it, and that it gets at most. @default what the account has free */
  readonly reservedConcurrency?: number | undefined;
  /** Takes messages of a queue that it may itself cause: see rule 18 of the job protocol. @default false */
  readonly consumesQueue?: boolean;
}

type Required<T> = { [K in keyof T as undefined extends T[K] ? never : K]: string };
type Optional<T> = { [K in keyof T as undefined extends T[K] ? K : never]?: string | undefined };
type Input<K extends FunctionKind> = z.input<(typeof ENVIRONMENTS)[K]>;
/** The variables of a kind's schema: one that is missing, or that nobody parses, is a type error here. */
export type Variables<K extends FunctionKind> = Omit<Required<Input<K>> & Optional<Input<K>>, "SLUICE_STAGE">;

/** One function: runtime, architecture, its own role and its own logs, kept for a time. */
export class SluiceFunction<K extends FunctionKind = FunctionKind> extends LambdaFunction {
  readonly kind: K;

  constructor(scope: Construct, id: string, props: SluiceFunctionProps<K>) {
    const { kind, defaults, environment, description, timeout, memoryMb = 512, consumesQueue = false } = props;
    const { reservedConcurrency } = props;
    const { stage, code, logRetention: retention, removalPolicy, xray, vpc, securityGroups } = defaults;
    const logGroup = new LogGroup(scope, `${id}Logs`, { retention, removalPolicy });
    // A role without AWS's managed policies: these allow to write to any log group of the account.
    const role = new Role(scope, `${id}Role`, { assumedBy: new ServicePrincipal("lambda.amazonaws.com") });
    logGroup.grantWrite(role);
    if (vpc) role.addToPolicy(new PolicyStatement({ actions: NETWORK_INTERFACES, resources: ["*"] }));
    super(scope, id, {
      code: code(kind),
      handler: "index.handler",
      runtime: Runtime.NODEJS_24_X,
      architecture: Architecture.ARM_64,
      role,
      logGroup,
      loggingFormat: LoggingFormat.JSON,
      // Lambda drops what is below, and takes a line without a level for INFO: with WARN here there would be no metrics, which
      // are such lines (docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html). The logger drops its own.
      applicationLogLevelV2: defaults.logLevel === "DEBUG" ? ApplicationLogLevel.DEBUG : ApplicationLogLevel.INFO,
      ...(xray ? { tracing: Tracing.ACTIVE } : {}),
      description,
      timeout: timeout ?? Duration.seconds(10),
      memorySize: memoryMb,
      ...(reservedConcurrency === undefined ? {} : { reservedConcurrentExecutions: reservedConcurrency }),
      environment: {
        POWERTOOLS_LOG_LEVEL: defaults.logLevel,
        ...defaults.environment,
        SLUICE_STAGE: stage,
        ...defined(environment),
      },
      ...(consumesQueue ? { recursiveLoop: RecursiveLoop.ALLOW } : {}),
      ...(vpc ? { vpc, vpcSubnets: { subnetType: SubnetType.PRIVATE_WITH_EGRESS } } : {}),
      ...(securityGroups ? { securityGroups: [...securityGroups] } : {}),
    });
    this.kind = kind;
    if (xray || vpc) {
      acknowledge(
        role,
        "AwsSolutions-IAM5[Resource::*]",
        "X-Ray and network interfaces have no resources that a policy could name",
      );
    }
    if (!xray) acknowledge(this, "Serverless-LambdaTracing", NO_XRAY);
    acknowledge(
      this,
      "Serverless-LambdaDLQ",
      "It is called by who waits for its answer, such as a queue, which keeps what fails; the reconciler is called again in a minute",
    );
  }
}

export const NO_XRAY =
  "At low rates nearly every invocation would be a trace, for more than half of what a job costs; a setting turns it on";

/** What Lambda needs to put a function into a network (docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html). */
const NETWORK_INTERFACES = [
  "ec2:CreateNetworkInterface",
  "ec2:DescribeNetworkInterfaces",
  "ec2:DescribeSubnets",
  "ec2:DeleteNetworkInterface",
  "ec2:AssignPrivateIpAddresses",
  "ec2:UnassignPrivateIpAddresses",
];

function defined(variables: object): Record<string, string> {
  return Object.fromEntries(
    Object.entries(variables).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}
