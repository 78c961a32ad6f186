import { Duration } from "aws-cdk-lib";
import type { RestApi } from "aws-cdk-lib/aws-apigateway";
import {
  Dashboard,
  GraphWidget,
  type IWidget,
  MathExpression,
  Metric,
  Stats,
  TextWidget,
  TreatMissingData,
} from "aws-cdk-lib/aws-cloudwatch";
import { Rule, Schedule } from "aws-cdk-lib/aws-events";
import { LambdaFunction } from "aws-cdk-lib/aws-events-targets";
import { EventInvokeConfig } from "aws-cdk-lib/aws-lambda";
import { Construct } from "constructs";
import type { RefusalReason } from "../src/core/admission.ts";
import { JOBS_INDEX, WAKE_INDEX } from "../src/engines/aws/table-schema.ts";
import { acknowledge } from "./acknowledge.ts";
import { allow } from "./allow.ts";
import { grantBacklogs, type SluiceApi } from "./api.ts";
import type { AppManifest } from "./bundling/app-manifest.ts";
import { type Instance, writerVariables } from "./instance.ts";
import { addAlarm, METRIC_PERIOD } from "./monitoring.ts";
import { ownMetric } from "./own-metric.ts";
import type { SluicePipeline } from "./pipeline.ts";
import { SluiceFunction } from "./sluice-function.ts";
import type { SluiceSocketApi } from "./socket-api.ts";

export interface SluiceOperationsProps {
  readonly instance: Instance;
  readonly pipeline: SluicePipeline;
  readonly api: SluiceApi;
  readonly sockets: SluiceSocketApi | undefined;
  readonly manifest: AppManifest;
}

const RECONCILE_EVERY = Duration.minutes(1);
/** What reviewing dead letters takes. */
const REVIEW = ["sqs:GetQueueAttributes", "sqs:ReceiveMessage", "sqs:ChangeMessageVisibility", "sqs:DeleteMessage"];
const CONCURRENCY_PERCENT = 80;

/** What keeps an instance running and shows how it is: the reconciler, the alarms of the whole, the dashboard. */
export class SluiceOperations extends Construct {
  readonly reconciler: SluiceFunction<"reconciler">;
  readonly dashboard: Dashboard;

  constructor(scope: Construct, id: string, props: SluiceOperationsProps) {
    super(scope, id);
    const { instance, pipeline, api, sockets } = props;
    this.reconciler = new SluiceFunction(this, "Reconciler", {
      kind: "reconciler",
      defaults: instance.functions,
      environment: writerVariables(instance),
      description: "Publishes again what got lost, and ends what is past its deadline",
      timeout: Duration.minutes(2),
      consumesQueue: true,
    });
    instance.data.grantWriteJobs(this.reconciler);
    instance.push?.grantTell(this.reconciler);
    instance.data.grantWakeUps(this.reconciler);
    instance.data.grantReadDeliveries(this.reconciler);
    grantBacklogs(this.reconciler, pipeline.ofJobs);
    for (const { topicQueue } of pipeline.ofJobs) {
      allow(this.reconciler, [...REVIEW, "sqs:SendMessage"], topicQueue.deadLetters.queueArn);
    }
    // These are never put into the place of another.
    allow(this.reconciler, REVIEW, pipeline.webhooks.topicQueue.deadLetters.queueArn);
    // The next run makes a lost one good. Lambda would try each again twice, and keep what it throttles for six hours, to run
    // all of it at once (docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html).
    const runs = new EventInvokeConfig(this, "Runs", {
      function: this.reconciler,
      retryAttempts: 0,
      maxEventAge: RECONCILE_EVERY,
    });
    acknowledge(runs, "Serverless-LambdaAsyncFailureDestination", "A run that fails is made good by the next");
    const schedule = new Rule(this, "Schedule", {
      description: "Has jobs looked at that nothing else has brought to their end",
      schedule: Schedule.rate(RECONCILE_EVERY),
      targets: [new LambdaFunction(this.reconciler, { retryAttempts: 0 })],
    });
    acknowledge(schedule, "Serverless-EventBusDLQ", "A run that is lost is made good by the next, a minute later");
    const refusals = refusalsOf(props.manifest);
    this.#addAlarms(instance, api, refusals);
    this.dashboard = new Dashboard(this, "Dashboard", { defaultInterval: Duration.hours(3) });
    this.dashboard.addWidgets(title(`Sluice ${instance.stage}`));
    this.dashboard.addWidgets(...this.#overview(instance, api, refusals));
    for (const { widgets } of [...pipeline.queueWorkers, ...(sockets ? [sockets] : [])]) {
      this.dashboard.addWidgets(...widgets);
    }
  }

  #addAlarms(
    { stage, data, monitoring, releases }: Instance,
    { restApi }: SluiceApi,
    refusals: readonly RefusalReason[],
  ): void {
    addAlarm(this, "ReconcilerAlarm", monitoring, {
      metric: this.reconciler.metricInvocations({ period: Duration.minutes(5) }),
      below: 1,
      missing: TreatMissingData.BREACHING,
      meaning: "The reconciler has not run for five minutes: a lost message would not be noticed.",
      paragraph: "reconciler-not-running",
    });
    addAlarm(this, "ReconcilerErrorsAlarm", monitoring, {
      metric: this.reconciler.metricErrors({ period: Duration.minutes(5) }),
      periods: 2,
      meaning: "The reconciler fails.",
      paragraph: "reconciler-not-running",
    });
    const failures = addAlarm(this, "ServerErrorsAlarm", monitoring, {
      metric: refusals.includes("backlog") ? unmeant(restApi, stage) : serverErrors(restApi),
      periods: 2,
      meaning: "The API answers with 5XX that it does not mean.",
      paragraph: "api-errors",
    });
    releases?.watchApi(failures);
    this.#addTableAlarms({ data, monitoring });
    addAlarm(this, "AccountConcurrencyAlarm", monitoring, {
      metric: accountConcurrencyPercent(),
      above: CONCURRENCY_PERCENT,
      periods: 3,
      meaning: `Functions of this account use more than ${CONCURRENCY_PERCENT} % of its concurrency in this region.`,
      paragraph: "account-concurrency",
    });
    addAlarm(this, "RecursionAlarm", monitoring, {
      // Of all functions of the account: Lambda would have to be told of a loop that it must not stop.
      metric: new Metric({
        namespace: "AWS/Lambda",
        metricName: "RecursiveInvocationsDropped",
        statistic: Stats.SUM,
        period: METRIC_PERIOD,
      }),
      meaning: "Lambda has stopped what it takes for an endless loop.",
      paragraph: "recursion",
    });
  }

  /** An index is throttled by itself, and holds up the writes of its table. */
  #addTableAlarms({ data, monitoring }: Pick<Instance, "data" | "monitoring">): void {
    const TableName = data.table.tableName;
    for (const [name, dimensionsMap] of [
      ["Table", { TableName }],
      ["JobsIndex", { TableName, GlobalSecondaryIndexName: JOBS_INDEX.name }],
      ["WakeIndex", { TableName, GlobalSecondaryIndexName: WAKE_INDEX.name }],
    ] as const) {
      for (const kind of ["Read", "Write"] as const) {
        addAlarm(this, `${name}${kind}ThrottlesAlarm`, monitoring, {
          metric: new Metric({
            namespace: "AWS/DynamoDB",
            metricName: `${kind}ThrottleEvents`,
            dimensionsMap,
            statistic: Stats.SUM,
            period: METRIC_PERIOD,
          }),
          periods: 2,
          meaning: `DynamoDB has throttled ${kind.toLowerCase()}s of ${name === "Table" ? "the table" : `its index ${dimensionsMap.GlobalSecondaryIndexName}`}.`,
          paragraph: "table-throttles",
        });
      }
    }
  }

  #overview({ stage }: Instance, api: SluiceApi, refusals: readonly RefusalReason[]): IWidget[] {
    const graph = (title: string, left: Metric[]): IWidget =>
      new GraphWidget({ title, width: 6, height: 6, left, liveData: true });
    const period = METRIC_PERIOD;
    return [
      graph("requests", [
        api.restApi.metricCount({ period, label: "all" }),
        api.restApi.metricClientError({ period, label: "4XX", statistic: Stats.SUM }),
        api.restApi.metricServerError({ period, label: "5XX", statistic: Stats.SUM }),
        ...refusals.map((reason) => ownMetric("JobsRefused", stage, { reason }, { label: `refused: ${reason}` })),
      ]),
      graph("latency, ms", [
        api.restApi.metricLatency({ period, statistic: Stats.p(50), label: "p50" }),
        api.restApi.metricLatency({ period, statistic: Stats.p(95), label: "p95" }),
      ]),
      graph("reconciler", [
        this.reconciler.metricInvocations({ period, label: "runs" }),
        this.reconciler.metricErrors({ period, label: "errors" }),
        ownMetric("JobsReconciled", stage, {}, { label: "jobs looked at" }),
        ownMetric("AppendConflicts", stage, {}, { label: "conflicting appends" }),
      ]),
      graph("concurrency of the account", [
        new Metric({
          namespace: "AWS/Lambda",
          metricName: "ConcurrentExecutions",
          statistic: Stats.MAXIMUM,
          period,
          label: "in use",
        }),
      ]),
    ];
  }
}

const title = (markdown: string): IWidget => new TextWidget({ markdown: `# ${markdown}`, width: 24, height: 1 });

/** Why this app's API may refuse jobs. */
function refusalsOf({ tenantLimits, capabilities }: AppManifest): RefusalReason[] {
  return [
    ...(tenantLimits.jobsPerMinute === undefined ? [] : (["rate"] as const)),
    ...(tenantLimits.jobsInFlight === undefined ? [] : (["in-flight"] as const)),
    ...(capabilities.some(({ maxBacklog }) => maxBacklog !== undefined) ? (["backlog"] as const) : []),
  ];
}

const serverErrors = (restApi: RestApi): Metric =>
  restApi.metricServerError({ period: METRIC_PERIOD, statistic: Stats.SUM });

/** A refusal for a backlog is meant: it must neither wake anybody nor roll a deployment back. */
const unmeant = (restApi: RestApi, stage: string): MathExpression =>
  new MathExpression({
    expression: "errors - FILL(refused, 0)",
    label: "5XX that nobody meant",
    period: METRIC_PERIOD,
    usingMetrics: {
      errors: serverErrors(restApi),
      refused: ownMetric("JobsRefused", stage, { reason: "backlog" satisfies RefusalReason }),
    },
  });

/** In use, of the account's quota as it is at that moment (docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch-Quotas-Visualize-Alarms.html). */
const accountConcurrencyPercent = (): MathExpression =>
  new MathExpression({
    expression: "100 * used / SERVICE_QUOTA(used)",
    label: "percent of the account's concurrency",
    period: METRIC_PERIOD,
    usingMetrics: {
      used: new Metric({
        namespace: "AWS/Usage",
        metricName: "ResourceCount",
        dimensionsMap: { Service: "Lambda", Type: "Resource", Resource: "ConcurrentExecutions", Class: "None" },
        statistic: Stats.MAXIMUM,
        period: METRIC_PERIOD,
      }),
    },
  });
