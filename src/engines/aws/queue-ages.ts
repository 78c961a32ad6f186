import { type CloudWatchClient, GetMetricDataCommand } from "@aws-sdk/client-cloudwatch";
import type { Clock } from "../../core/ports.ts";

export interface QueueAgesProps {
  readonly client: CloudWatchClient;
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
 * Ages of queues' oldest messages, which SQS tells CloudWatch and nobody else
 * (docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html).
 */
export class QueueAges {
  readonly #props: QueueAgesProps;
  #asked: Promise<ReadonlyMap<string, number>> | undefined;
  #askedAtMs = 0;

  constructor(props: QueueAgesProps) {
    this.#props = props;
  }

  /** In ms, up to two minutes old; undefined when it is not known. Never rejects. */
  async oldestAgeMs(queueName: string): Promise<number | undefined> {
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
    const names = this.#props.queueNames.slice(0, MAX_QUERIES);
    const { MetricDataResults = [] } = await this.#props.client.send(
      new GetMetricDataCommand({
        StartTime: new Date(nowMs - WINDOW_MS),
        EndTime: new Date(nowMs),
        ScanBy: "TimestampDescending",
        MetricDataQueries: names.map((name, n) => ({
          Id: `q${n}`,
          MetricStat: {
            Metric: {
              Namespace: "AWS/SQS",
              MetricName: "ApproximateAgeOfOldestMessage",
              Dimensions: [{ Name: "QueueName", Value: name }],
            },
            Period: 60,
            Stat: "Maximum",
          },
        })),
      }),
    );
    const ages = new Map<string, number>();
    for (const { Id, Values } of MetricDataResults) {
      const name = names[Number(Id?.slice(1))];
      const latest = Values?.[0];
      if (name !== undefined && latest !== undefined) ages.set(name, latest * 1_000);
    }
    return ages;
  }
}
