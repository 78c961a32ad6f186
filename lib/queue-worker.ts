import { Duration } from "aws-cdk-lib";
import { GraphWidget, type IMetric, type IWidget, type Metric, Stats } from "aws-cdk-lib/aws-cloudwatch";
import type { IFunction } from "aws-cdk-lib/aws-lambda";
import { Construct } from "constructs";
import type { FunctionKind } from "../src/engines/aws/environment.ts";
import { allow } from "./allow.ts";
import { feed } from "./feed.ts";
import type { Instance } from "./instance.ts";
import { addAlarm, METRIC_PERIOD } from "./monitoring.ts";
import { SluiceFunction, type Variables } from "./sluice-function.ts";
import { TopicQueue } from "./topic-queue.ts";

export interface QueueWorkerProps<K extends FunctionKind> {
  readonly instance: Instance;
  readonly kind: K;
  readonly environment: Variables<K>;
  readonly topic: string;
  /** Core's name of the queue. */
  readonly queueName: string;
  readonly description: string;
  readonly timeout: Duration;
  readonly memoryMb: number;
  readonly batchSize: number;
  readonly maxConcurrency: number;
  /** What its function may do besides taking messages. @default bring jobs forward to their end */
  readonly grant?: (worker: IFunction) => void;
  /** Figures of ours for its row of the dashboard, besides those of SQS and Lambda. */
  readonly failures: IMetric[];
  readonly durations: IMetric[];
}

/** Longer than the function, whose messages would otherwise come back while it works on them. */
const VISIBILITY_MARGIN = Duration.seconds(30);
const LEAST_AGE_ALARM_S = 300;
const ROW_HEIGHT = 6;

/** A topic's queue with the function that works on it, its alarms, and its row of the dashboard. */
export class QueueWorker<K extends FunctionKind = FunctionKind> extends Construct {
  readonly topicQueue: TopicQueue;
  readonly worker: SluiceFunction<K>;
  readonly widgets: IWidget[];

  constructor(scope: Construct, id: string, props: QueueWorkerProps<K>) {
    super(scope, id);
    const { instance, kind, environment, topic, queueName, description, timeout, memoryMb } = props;
    this.topicQueue = new TopicQueue(this, "Topic", {
      bus: instance.data.bus,
      topic,
      name: queueName,
      prefix: instance.queuePrefix,
      visibilityTimeout: Duration.seconds(timeout.toSeconds() + VISIBILITY_MARGIN.toSeconds()),
    });
    this.worker = new SluiceFunction<K>(this, "Worker", {
      kind,
      defaults: instance.functions,
      environment,
      description,
      timeout,
      memoryMb,
      consumesQueue: true,
    });
    if (props.grant) props.grant(this.worker);
    else {
      instance.data.grantWriteJobs(this.worker);
      instance.push?.grantTell(this.worker);
    }
    const { queue, deadLetters } = this.topicQueue;
    allow(this.worker, CONSUME, queue.queueArn);
    allow(this.worker, ["sqs:SendMessage"], deadLetters.queueArn);
    const { batchSize, maxConcurrency } = props;
    feed(this.topicQueue, this.#live(queueName, instance), queue, { batchSize, maxConcurrency });
    this.#addAlarms(queueName, timeout, instance);
    this.widgets = this.#row(queueName, props);
  }

  /** What takes the messages. Dead letters that waited before a deployment are no reason to roll it back: new ones are. */
  #live(name: string, { releases, monitoring }: Instance): IFunction {
    if (releases === undefined) return this.worker;
    // Its dead letters are receivers' faults.
    if (this.worker.kind === "webhooks") return releases.live(this.worker);
    const deadLetters = addAlarm(this, "NewDeadLettersAlarm", monitoring, {
      metric: this.topicQueue.deadLetters.metricNumberOfMessagesSent({ period: METRIC_PERIOD }),
      meaning: `Workers of ${name} have given work up: a deployment that runs is rolled back.`,
      paragraph: "dead-letters",
    });
    if (this.worker.kind === "worker") return releases.live(this.worker, [deadLetters]);
    // It must be the newest. What is wrong with the workflow is the fault of all that run it.
    releases.watchWriters(deadLetters);
    return this.worker;
  }

  #addAlarms(name: string, timeout: Duration, { monitoring }: Instance): void {
    const { queue, deadLetters, undelivered } = this.topicQueue;
    const aboveS = Math.max(LEAST_AGE_ALARM_S, 2 * timeout.toSeconds());
    addAlarm(this, "OldestMessageAlarm", monitoring, {
      metric: queue.metricApproximateAgeOfOldestMessage({ period: METRIC_PERIOD, statistic: Stats.MAXIMUM }),
      above: aboveS,
      periods: 3,
      meaning: `Work of ${name} has waited for more than ${aboveS} s.`,
      paragraph: "oldest-message",
    });
    addAlarm(this, "DeadLettersAlarm", monitoring, {
      metric: visible(deadLetters),
      meaning: `Dead letters of ${name} wait for a person.`,
      paragraph: "dead-letters",
    });
    addAlarm(this, "UndeliveredAlarm", monitoring, {
      metric: visible(undelivered),
      meaning: `The bus could not bring messages to the queue of ${name}.`,
      paragraph: "undelivered-events",
    });
    addAlarm(this, "ThrottlesAlarm", monitoring, {
      metric: this.worker.metricThrottles({ period: METRIC_PERIOD }),
      periods: 3,
      meaning: `Lambda has throttled the worker of ${name} for three minutes.`,
      paragraph: "throttles",
    });
  }

  #row(name: string, { failures, durations }: QueueWorkerProps<K>): IWidget[] {
    const { queue, deadLetters } = this.topicQueue;
    const graph = (title: string, width: number, left: IMetric[]): IWidget =>
      new GraphWidget({ title: `${name}: ${title}`, width, height: ROW_HEIGHT, left, liveData: true });
    const period = METRIC_PERIOD;
    return [
      graph("backlog", 5, [
        visible(queue, "waiting"),
        queue.metricApproximateNumberOfMessagesDelayed({ period, statistic: Stats.MAXIMUM, label: "deferred" }),
        visible(deadLetters, "dead letters"),
        queue.metricNumberOfMessagesDeleted({ period, label: "done a minute" }),
      ]),
      graph("age of the oldest, s", 5, [
        queue.metricApproximateAgeOfOldestMessage({ period, statistic: Stats.MAXIMUM, label: "oldest" }),
      ]),
      graph("in flight", 4, [
        queue.metricApproximateNumberOfMessagesNotVisible({ period, statistic: Stats.MAXIMUM, label: "messages" }),
        this.worker.metric("ConcurrentExecutions", { period, statistic: Stats.MAXIMUM, label: "workers" }),
      ]),
      graph("errors", 5, [this.worker.metricErrors({ period, label: "invocations" }), ...failures]),
      graph("duration, ms", 5, [
        this.worker.metricDuration({ period, statistic: Stats.p(95), label: "invocation p95" }),
        ...durations,
      ]),
    ];
  }
}

const CONSUME = [
  "sqs:ReceiveMessage",
  "sqs:DeleteMessage",
  "sqs:GetQueueAttributes",
  "sqs:ChangeMessageVisibility",
  // What is deferred goes back as a copy.
  "sqs:SendMessage",
];

const visible = (queue: TopicQueue["queue"], label?: string): Metric =>
  queue.metricApproximateNumberOfMessagesVisible({
    period: METRIC_PERIOD,
    statistic: Stats.MAXIMUM,
    ...(label === undefined ? {} : { label }),
  });
