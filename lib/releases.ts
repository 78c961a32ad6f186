import type { IAlarm } from "aws-cdk-lib/aws-cloudwatch";
import {
  type ILambdaDeploymentConfig,
  LambdaApplication,
  LambdaDeploymentConfig,
  LambdaDeploymentGroup,
} from "aws-cdk-lib/aws-codedeploy";
import { Role, ServicePrincipal } from "aws-cdk-lib/aws-iam";
import { Alias } from "aws-cdk-lib/aws-lambda";
import { Construct } from "constructs";
import type { FunctionKind } from "../src/engines/aws/environment.ts";
import { acknowledge } from "./acknowledge.ts";
import { GRADUAL_DEPLOYMENT_NAMES, GRADUAL_DEPLOYMENTS, type GradualDeployment } from "./gradual-deployment.ts";
import { addAlarm, METRIC_PERIOD, type Monitoring } from "./monitoring.ts";
import type { SluiceFunction } from "./sluice-function.ts";
import { SynthError } from "./synth-error.ts";

export interface ReleasesProps {
  readonly configuration: GradualDeployment;
  readonly monitoring: Monitoring;
  /** Changes whenever the number of the deployment does. */
  readonly numberedBy: string;
}

/** Callers call functions by it. */
const ALIAS = "live";
/** Those of them that write to logs of jobs, under the number of their deployment. */
const WRITERS: readonly FunctionKind[] = ["submit", "commands", "dead-letters", "worker"];

/** Those that no request of the API calls. */
const OF_QUEUES: readonly FunctionKind[] = ["worker", "webhooks"];

/**
 * Has CodeDeploy bring a new version of each function to its callers, and take it back when an alarm goes off meanwhile.
 *
 * Not for `advance` and the reconciler, which have new code at once. What an older worker leaves to newer code (rule 7 of
 * the job protocol) goes to the workflow's own queue, and there code of the greatest number must be: while a deployment
 * goes on, and after one that was taken back, when versions have their old number again.
 */
export class Releases extends Construct {
  readonly #props: ReleasesProps;
  readonly #application: LambdaApplication;
  readonly #role: Role;
  readonly #deploymentConfig: ILambdaDeploymentConfig;
  readonly #ofWriters: IAlarm[] = [];
  readonly #groups: { readonly kind: FunctionKind; readonly group: LambdaDeploymentGroup }[] = [];

  /** Throws {@link SynthError} for a configuration that is not known. */
  constructor(scope: Construct, id: string, props: ReleasesProps) {
    super(scope, id);
    const { configuration } = props;
    if (!Object.hasOwn(GRADUAL_DEPLOYMENTS, configuration)) {
      throw new SynthError(
        `gradualDeployment must be one of ${GRADUAL_DEPLOYMENT_NAMES.join(", ")}; got ${JSON.stringify(configuration)}`,
      );
    }
    this.#props = props;
    this.#application = new LambdaApplication(this, "Application");
    this.#role = new Role(this, "Role", { assumedBy: new ServicePrincipal("codedeploy.amazonaws.com") });
    acknowledge(
      this.#role,
      "AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/AWSCodeDeployRoleForLambdaLimited]",
      "The role that CodeDeploy documents for functions; it can be assumed by CodeDeploy only",
    );
    this.#deploymentConfig = LambdaDeploymentConfig.fromLambdaDeploymentConfigName(
      this,
      "Configuration",
      `CodeDeployDefault.${configuration}`,
    );
  }

  /** What is called in place of a function: the version that is live. Also what has it rolled back, besides its errors. */
  live(fn: SluiceFunction, alarms: readonly IAlarm[] = []): Alias {
    const { kind } = fn;
    const writes = WRITERS.includes(kind);
    // Its number is told to a function in a variable. A version keeps what it was made with: without a new one, a function
    // whose own code is unchanged would go on under the old number, and leave each job to the others.
    if (writes) fn.invalidateVersionBasedOn(this.#props.numberedBy);
    const alias = new Alias(fn, "Live", { aliasName: ALIAS, version: fn.currentVersion });
    const errors = addAlarm(fn, "ErrorsAlarm", this.#props.monitoring, {
      metric: fn.metricErrors({ period: METRIC_PERIOD }),
      meaning: `Invocations of ${fn.node.path} fail: a deployment that runs is rolled back.`,
      paragraph: "deployments-and-their-number",
    });
    const group = new LambdaDeploymentGroup(fn, "Deployments", {
      application: this.#application,
      alias,
      role: this.#role,
      deploymentConfig: this.#deploymentConfig,
      alarms: this.#watches ? [errors, ...alarms, ...(writes ? this.#ofWriters : [])] : [],
    });
    this.#groups.push({ kind, group });
    return alias;
  }

  /** Has every function behind the API rolled back by an alarm of the API's. */
  watchApi(alarm: IAlarm): void {
    if (!this.#watches) return;
    for (const { kind, group } of this.#groups) if (!OF_QUEUES.includes(kind)) group.addAlarm(alarm);
  }

  /** Has every function that runs workflows rolled back by an alarm of a workflow's. */
  watchWriters(alarm: IAlarm): void {
    if (!this.#watches) return;
    this.#ofWriters.push(alarm);
    for (const { kind, group } of this.#groups) if (WRITERS.includes(kind)) group.addAlarm(alarm);
  }

  /** What is shifted at once is done before an alarm could go off; one that is on already would only stop it. */
  get #watches(): boolean {
    return GRADUAL_DEPLOYMENTS[this.#props.configuration] > 0;
  }
}
