import { Duration } from "aws-cdk-lib";
import type { IAlarm } from "aws-cdk-lib/aws-cloudwatch";
import {
  type ILambdaDeploymentConfig,
  LambdaApplication,
  LambdaDeploymentConfig,
  LambdaDeploymentGroup,
  TimeBasedCanaryTrafficRouting,
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
/** They write to logs of jobs, under the number of their deployment. */
const WRITERS: readonly FunctionKind[] = ["submit", "worker", "advance", "reconciler"];
/** Requests come to them by the queue or the clock, not by the API. */
const BEHIND: readonly FunctionKind[] = ["worker", "advance", "reconciler"];
/** The most that CodeDeploy shifts in the first of two shifts. */
const NEARLY_ALL = 99;

/**
 * Has CodeDeploy bring a new version of each function to its callers, and take it back when an alarm goes off meanwhile.
 *
 * Functions that write no log are shifted as the configuration says. Those that do are shifted nearly all at once, then
 * watched for as long: a job that one new version has touched is left by all old ones (rule 7 of the job protocol), so it
 * would stand still for as long as these were most.
 */
export class Releases extends Construct {
  readonly #props: ReleasesProps;
  readonly #application: LambdaApplication;
  readonly #role: Role;
  readonly #readersBy: ILambdaDeploymentConfig;
  readonly #writersBy: ILambdaDeploymentConfig;
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
    this.#readersBy = LambdaDeploymentConfig.fromLambdaDeploymentConfigName(
      this,
      "Readers",
      `CodeDeployDefault.${configuration}`,
    );
    this.#writersBy = this.#watches
      ? new LambdaDeploymentConfig(this, "Writers", {
          trafficRouting: new TimeBasedCanaryTrafficRouting({
            percentage: NEARLY_ALL,
            interval: Duration.minutes(GRADUAL_DEPLOYMENTS[configuration]),
          }),
        })
      : this.#readersBy;
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
      deploymentConfig: writes ? this.#writersBy : this.#readersBy,
      alarms: this.#watches ? [errors, ...alarms] : [],
    });
    this.#groups.push({ kind, group });
    return alias;
  }

  /** Has every function behind the API rolled back by an alarm of the API's. */
  watchApi(alarm: IAlarm): void {
    if (!this.#watches) return;
    for (const { kind, group } of this.#groups) if (!BEHIND.includes(kind)) group.addAlarm(alarm);
  }

  /** What is shifted at once is done before an alarm could go off; one that is on already would only stop it. */
  get #watches(): boolean {
    return GRADUAL_DEPLOYMENTS[this.#props.configuration] > 0;
  }
}
