import {
  type EventSourceMappingConfiguration,
  GetFunctionConfigurationCommand,
  LambdaClient,
  ListEventSourceMappingsCommand,
} from "@aws-sdk/client-lambda";
import { GetQueueAttributesCommand, SQSClient } from "@aws-sdk/client-sqs";
import { MAX_RECEIVES } from "../../../src/core/ports.ts";
import { type Check, type Deployment, differs, isOfSockets, takesMessages } from "./check.ts";

const DAY_S = 86_400;
/** Of the queue that tells what there is to send by WebSocket: who watches asks again by itself. */
const SOCKETS = { maxReceives: 5, retentionDays: 2 / 24 } as const;
const sqs = new SQSClient({});
const lambda = new LambdaClient({});

type Attributes = Readonly<Record<string, string>>;

/** By ARN, all queues of the instance. */
async function queuesOf(deployment: Deployment): Promise<Map<string, Attributes & { path: string }>> {
  const queues = deployment.ofType("AWS::SQS::Queue").map(async ({ physicalId, path }) => {
    const { Attributes = {} } = await sqs.send(
      new GetQueueAttributesCommand({ QueueUrl: physicalId, AttributeNames: ["All"] }),
    );
    return [Attributes.QueueArn ?? physicalId, { ...Attributes, path }] as const;
  });
  return new Map(await Promise.all(queues));
}

async function mappingsOf(deployment: Deployment): Promise<EventSourceMappingConfiguration[]> {
  const { EventSourceMappings = [] } = await lambda.send(new ListEventSourceMappingsCommand({}));
  const ours = new Set(deployment.ofType("AWS::Lambda::EventSourceMapping").map(({ physicalId }) => physicalId));
  return EventSourceMappings.filter(({ UUID = "" }) => ours.has(UUID));
}

/** What does the same for every queue that a worker takes messages from. */
async function ofEachMapping(
  deployment: Deployment,
  violations: (
    mapping: EventSourceMappingConfiguration,
    queue: Attributes & { path: string },
    queues: ReadonlyMap<string, Attributes>,
  ) => Promise<string[]> | string[],
): Promise<string[]> {
  const [queues, mappings] = await Promise.all([queuesOf(deployment), mappingsOf(deployment)]);
  const lines = deployment.functions.filter(({ path }) => takesMessages(path));
  const found = mappings.map(async (mapping) => {
    const queue = queues.get(mapping.EventSourceArn ?? "");
    if (queue === undefined)
      return [`a worker takes messages from ${mapping.EventSourceArn}, which is no queue of ours`];
    return violations(mapping, queue, queues);
  });
  return [
    ...differs("workers that take messages", mappings.length, lines.length),
    ...(await Promise.all(found)).flat(),
  ];
}

export const queueChecks: readonly Check[] = [
  {
    what: `each queue gives up on a message after ${MAX_RECEIVES} receives, that of WebSockets after ${SOCKETS.maxReceives}, into dead letters that are there`,
    violations: (deployment) =>
      ofEachMapping(deployment, (_, { path, RedrivePolicy }, queues) => {
        const { deadLetterTargetArn, maxReceiveCount } = JSON.parse(RedrivePolicy ?? "{}") as Record<string, unknown>;
        const dead = queues.get(String(deadLetterTargetArn));
        return [
          ...differs(
            `${path}: maxReceiveCount`,
            Number(maxReceiveCount),
            isOfSockets(path) ? SOCKETS.maxReceives : MAX_RECEIVES,
          ),
          ...(dead === undefined ? [`${path}: has no dead-letter queue; its redrive policy is ${RedrivePolicy}`] : []),
        ];
      }),
  },
  {
    what: "messages are kept 4 days, those of WebSockets 2 hours, dead letters 14 days",
    violations: async (deployment) =>
      [...(await queuesOf(deployment)).values()].flatMap(({ path, MessageRetentionPeriod, RedrivePolicy }) =>
        differs(
          `${path}: retention in days`,
          Number(MessageRetentionPeriod) / DAY_S,
          RedrivePolicy === undefined ? 14 : isOfSockets(path) ? SOCKETS.retentionDays : 4,
        ),
      ),
  },
  {
    what: "queues are encrypted, and refuse what does not come by TLS",
    violations: async (deployment) =>
      [...(await queuesOf(deployment)).values()].flatMap(({ path, SqsManagedSseEnabled, Policy = "" }) => [
        ...differs(`${path}: encrypted`, SqsManagedSseEnabled, "true"),
        ...differs(`${path}: speaks of TLS`, Policy.includes("aws:SecureTransport"), true),
      ]),
  },
  {
    what: "a message stays hidden for longer than its worker may take",
    violations: (deployment) =>
      ofEachMapping(deployment, async ({ FunctionArn = "" }, { path, VisibilityTimeout }) => {
        const { Timeout = 0 } = await lambda.send(new GetFunctionConfigurationCommand({ FunctionName: FunctionArn }));
        return Number(VisibilityTimeout) > Timeout
          ? []
          : [`${path}: visible again after ${VisibilityTimeout} s, its function may take ${Timeout} s`];
      }),
  },
  {
    what: "workers answer record by record, at once, with a maximum concurrency",
    violations: (deployment) =>
      ofEachMapping(deployment, (mapping, { path }) => {
        const most = mapping.ScalingConfig?.MaximumConcurrency ?? 0;
        return [
          ...differs(`${path}: answers`, mapping.FunctionResponseTypes, ["ReportBatchItemFailures"]),
          ...differs(`${path}: batching window in s`, mapping.MaximumBatchingWindowInSeconds ?? 0, 0),
          ...differs(`${path}: takes messages`, mapping.State, "Enabled"),
          ...(most >= 2 && most <= 1_000 ? [] : [`${path}: maximum concurrency is ${most}, allowed are 2 to 1,000`]),
        ];
      }),
  },
];
