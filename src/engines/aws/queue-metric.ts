import { type CloudWatchClient, GetMetricDataCommand } from "@aws-sdk/client-cloudwatch";
import type { Clock } from "../../core/ports.ts";

/** What SQS counts for CloudWatch: seconds, and messages a minute. */
const STATISTICS = { ApproximateAgeOfOldestMessage: "Maximum", NumberOfMessagesDeleted: "Sum" } as const;

export interface QueueMetricProps {
  readonly client: CloudWatchClient;
  readonly metric: keyof typeof STATISTICS;
  /** Names of all queues that may be asked about: one call of CloudWatch answers for all of them. */
  readonly queueNames: readonly string[];
  readonly clock: Clock;
  readonly onError: (error: unknown) => void;
}

/** SQS writes this metric once a minute; asking more often only costs. */
const FRESH_MS = 60_000;
const WINDOW_MS = 300_000;
const MAX_QUERIES = 500;

/**
 * A figure of queues that SQS tells CloudWatch and nobody else
 * (docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html).
 */
export class QueueMetric {
  readonly #props: QueueMetricProps;
  #asked: Promise<ReadonlyMap<string, number>> | undefined;
  #askedAtMs = 0;

  constructor(props: QueueMetricProps) {
    this.#props = props;
  }

  /** Of the last whole minute, up to two minutes old; undefined when it is not known. Never rejects. */
  async latest(queueName: string): Promise<number | undefined> {
    const nowMs = this.#props.clock.now();
    if (this.#asked === undefined || nowMs - this.#askedAtMs >= FRESH_MS) {
      this.#askedAtMs = nowMs;
      this.#asked = this.#ask(nowMs).catch((error: unknown) => {
        this.#props.onError(error);
        return new Map();
      });
    }
    return (await this.#asked).get(queueName);
  }

  async #ask(nowMs: number): Promise<ReadonlyMap<string, number>> {
    const { client, metric, queueNames } = this.#props;
    const names = queueNames.slice(0, MAX_QUERIES);
    const { MetricDataResults = [] } = await client.send(
      new GetMetricDataCommand({
        StartTime: new Date(nowMs - WINDOW_MS),
        EndTime: new Date(nowMs),
        ScanBy: "TimestampDescending",
        MetricDataQueries: names.map((name, n) => ({
          Id: `q${n}`,
          MetricStat: {
            Metric: {
              Namespace: "AWS/SQS",
              MetricName: metric,
              Dimensions: [{ Name: "QueueName", Value: name }],
            },
            Period: 60,
            Stat: STATISTICS[metric],
          },
        })),
      }),
    );
    const found = new Map<string, number>();
    for (const { Id, Values } of MetricDataResults) {
      const name = names[Number(Id?.slice(1))];
      const latest = Values?.[0];
      if (name !== undefined && latest !== undefined) found.set(name, latest);
    }
    return found;
  }
}
