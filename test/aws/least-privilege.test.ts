import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { PutObjectCommand } from "@aws-sdk/client-s3";
import { PurgeQueueCommand, ReceiveMessageCommand, SendMessageCommand } from "@aws-sdk/client-sqs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import authorizerEvent from "../../lambdas/authorizer/event.json" with { type: "json" };
import deploymentEvent from "../../lambdas/deployment/event.json" with { type: "json" };
import type { JobView, RedrivenList } from "../../src/contract/api.ts";
import { CORPUS_KEY } from "../../src/contract/bucket-keys.ts";
import { type JobId, jobIdFrom, type TenantId } from "../../src/contract/ids.ts";
import { advanceQueue, EVENT_SOURCE, topics, WEBHOOKS } from "../../src/contract/messages.ts";
import { sqsDeadLetterSuffix } from "../../src/contract/queue-names.ts";
import { Deliveries } from "../../src/core/deliveries.ts";
import { ADVANCE_STEP } from "../../src/core/state.ts";
import type { DeliveryRecord } from "../../src/core/webhook-delivery.ts";
import { buildIndex } from "../../src/corpus/build-index.ts";
import { DynamoDbRecords } from "../../src/engines/aws/dynamodb-records.ts";
import { systemClock } from "../../src/engines/shared/system-clock.ts";
import type { AccessLine, Statement } from "../../tools/emulator/access-log.ts";
import { ACKNOWLEDGED } from "../../tools/emulator/acknowledged-actions.ts";
import { compare, describeComparison } from "../../tools/emulator/least-privilege.ts";
import { startReceiver } from "../channels/webhook-receiver.ts";
import { SCRATCH } from "../infra/scratch.ts";
import app, { text } from "./stack/app.ts";
import type { FunctionProcess } from "./stack/function-process.ts";
import { LiveChannels, useTickets, type Watcher } from "./stack/live-channels.ts";
import { APP_FILE, LATER_APP_FILE, LocalStack } from "./stack/local-stack.ts";

/** Everything that functions do, done once: the calls of a whole run are what the roles are compared with. */
let stack: LocalStack;
let lines: AccessLine[];

interface Answer {
  readonly statusCode: number;
  readonly body: string;
}
const MINUTE_MS = 60_000;
const POLL_MS = 50;

beforeAll(async () => {
  stack = await LocalStack.start(app, APP_FILE);
  await pushCorpus();
  await deploy();
  await Promise.all([
    ...["retrieval", "echo", "moody"].map((name) =>
      stack.startWorker(`Sluice/Pipeline/Capability-${name}/Worker`, name),
    ),
    stack.startWorker("Sluice/Pipeline/Workflow-ways/Worker", advanceQueue("ways")),
    stack.startWorker("Sluice/Pipeline/Webhooks/Worker", WEBHOOKS),
  ]);
  const channels = await LiveChannels.start(stack);
  const watcher = await channels.connect("watcher=");
  // Of all jobs from now on: whoever writes to one tells what there is to send.
  await watcher.say({ type: "subscribe", id: "all" });
  await useWebhooks();
  const jobId = await useApi();
  await useTickets(stack, jobId);
  await useSocket(channels, watcher, jobId);
  lines = stack.lines();
});
afterAll(() => stack?.close());

async function pushCorpus(): Promise<void> {
  const documents = mkdtempSync(join(SCRATCH, "documents-"));
  writeFileSync(join(documents, "queues.md"), "# Queues\n\nA queue keeps messages in any order.\n");
  const file = `${documents}.index`;
  buildIndex(documents, file, { portable: true });
  await stack.aws.clients.s3.send(
    new PutObjectCommand({ Bucket: stack.aws.bucket, Key: CORPUS_KEY, Body: readFileSync(file) }),
  );
}

/** As CloudFormation asks for it: first without the secret, then with it. */
async function deploy(): Promise<void> {
  const deployment = await stack.start("Sluice/Deployment/Function");
  const answers: { Status: string }[] = [];
  const cloudFormation = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    answers.push(JSON.parse(body));
    response.end();
  });
  const ResponseURL = await listening(cloudFormation);
  const arn = "arn:aws:secretsmanager:us-east-1:000000000000:secret:sluice/dev/SEARCH_KEY";
  const Secrets = [{ variable: "SEARCH_KEY", arn }];
  const event = { ...deploymentEvent, ResponseURL, ResourceProperties: { Secrets } };
  await deployment.invoke(event);
  stack.createSecret("SEARCH_KEY", "key");
  await deployment.invoke(event);
  cloudFormation.closeAllConnections();
  cloudFormation.close();
  expect(answers.map(({ Status }) => Status)).toEqual(["FAILED", "SUCCESS"]);
}

async function listening(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

/** Resolves with a job that has ended. */
async function useApi(): Promise<string> {
  const start = (name: string): Promise<FunctionProcess> => stack.start(`Sluice/Api/${name}`);
  const [submit, submitAgain, jobs, events, commands, deadLetters, capabilities, authorizer] = await Promise.all([
    start("Submit"),
    start("Submit"),
    start("Jobs"),
    start("Events"),
    start("Commands"),
    start("DeadLetters"),
    start("Capabilities"),
    start("AuthorizerFunction"),
  ]);
  await expect(authorizer.invoke(authorizerEvent)).rejects.toThrow("Unauthorized");
  const begin = async (input: object, by = submit): Promise<string> => {
    const request = json({ workflow: "ways", input }, { "idempotency-key": keyOf(input) });
    return ((await call(by, "/v1/jobs", request)) as JobView).id;
  };
  const until = async (id: string, ...statuses: JobView["status"][]): Promise<JobView> => {
    for (;;) {
      const job = (await call(jobs, "/v1/jobs/{jobId}", { pathParameters: { jobId: id } })) as JobView;
      if (statuses.includes(job.status)) return job;
      if (job.status !== "running") throw new Error(`${id} is ${job.status}: ${JSON.stringify(job)}`);
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  };
  const eventsOf = (jobId: string) =>
    call(events, "/v1/jobs/{jobId}/events", {
      pathParameters: { jobId },
      queryStringParameters: { limit: "1000" },
    }) as Promise<Log>;
  const untilRequested = async (id: string, stepId: string): Promise<void> => {
    for (;;) {
      const { events: all } = await eventsOf(id);
      if (all.some((event) => event.type === "step.requested" && event.stepId === stepId)) return;
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  };

  const search = { way: "find", query: "What keeps a queue?", note: text(150_000) };
  const find = await begin(search);
  const moods = await Promise.all(["throttled", "fails once"].map((mood) => begin({ way: "mood", mood })));
  const doomed = await begin({ way: "mood", mood: "doomed" });
  const advanced = await begin({ way: "no worker goes on" });
  const broken = await begin({ way: "broken" });
  const unwanted = await begin({ way: "chain", steps: 0 });
  // The reconciler's commit is the sixteenth of the one, and the other has a snapshot by then.
  const chains = [await begin({ way: "chain", steps: 7 }), await begin({ way: "chain", steps: 12 })];
  for (const id of [find, ...moods, advanced]) await until(id, "completed");
  for (const id of [doomed, broken]) await until(id, "dead-lettered");
  for (const id of chains) await untilRequested(id, "gone");
  // Another container knows nothing of the job that it is asked for again.
  expect(await begin(search, submitAgain)).toBe(find);
  await eventsOf(find);
  await call(
    submit,
    "/v1/jobs",
    json({ workflow: "ways", input: { way: "mood", mood: "fails once" } }, { prefer: "wait=1" }),
  );
  await stream(events, find);
  await call(jobs, "/v1/jobs", {});
  await call(capabilities, "/v1/capabilities", {});
  await call(commands, "/v1/jobs/{jobId}/fork", { pathParameters: { jobId: find }, ...json({ after: "large" }) });
  await call(commands, "/v1/jobs/{jobId}/cancel", { pathParameters: { jobId: unwanted } });
  await call(deadLetters, "/v1/dead-letters", {});
  const redrive = async (capability: string): Promise<void> => {
    for (;;) {
      const answer = await call(deadLetters, "/v1/dead-letters/redrive", json({ capability }));
      if ((answer as RedrivenList).redriven.length > 0) return;
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  };
  await redrive(ADVANCE_STEP);
  // Each adds three commits to three; with the fifth a snapshot is due.
  for (let n = 0; n < 5; n++) {
    await until(doomed, "dead-lettered");
    await redrive("moody");
  }
  // In vain. What follows is what a crash leaves that kept the last letters from being sent.
  for (const id of [doomed, broken]) await until(id, "dead-lettered");
  await letterOf(doomed, "moody", await eventsOf(doomed));
  await letterOf(broken, advanceQueue("ways"), await eventsOf(broken));
  await setAside("moody", { jobId: doomed, stepIds: ["moody"] }, topics.requested("moody"));
  await setAside(advanceQueue("ways"), { jobId: broken }, topics.advance("ways"));
  await meetNewerCode(chains[0] ?? "");
  await reconcile();
  for (const id of chains) await until(id, "dead-lettered");
  return find;
}

/** A frame that fails for a while, one that its connection refuses, one that is none, and connections that end. */
async function useSocket(channels: LiveChannels, watcher: Watcher, jobId: string): Promise<void> {
  await watcher.told((frame) => frame.type === "complete" && frame.jobId === jobId);
  const again = await channels.connect("again=");
  await again.say({ type: "subscribe", id: "all" });
  await again.say({ type: "unsubscribe", id: "all" });
  await again.say({ type: "subscribe", id: "one", jobId });
  // As often as a call is tried: its message has to come again.
  stack.connections.refuseNext(...Array.from({ length: 4 }, () => ({ status: 500, error: "InternalFailure" })));
  const submit = await stack.start("Sluice/Api/Submit");
  const request = json({ workflow: "ways", input: { way: "chain", steps: 0 } });
  const { id } = (await call(submit, "/v1/jobs", request)) as JobView;
  await watcher.told((frame) => frame.event?.jobId === id);
  stack.connections.refuseNext(...Array.from({ length: 4 }, () => ({ status: 429, error: "LimitExceededException" })));
  await call(submit, "/v1/jobs", request);
  await watcher.closed();
  await again.say("bytes", true);
  for (const each of [watcher, again]) await each.disconnect();
}

/** A webhook that is taken, one that is given up, and what a tenant asks about them. */
async function useWebhooks(): Promise<void> {
  await using receiver = await startReceiver((response, n, { path }) =>
    response.writeHead(path === "/down" ? 500 : n > 1 ? 200 : 503).end(),
  );
  const [submit, endpoints] = await Promise.all([
    stack.start("Sluice/Api/Submit"),
    stack.start("Sluice/Api/WebhookEndpoints"),
  ]);
  const { dynamoDb: client } = stack.aws.clients;
  const deliveries = new Deliveries(new DynamoDbRecords({ client, tableName: stack.aws.table, clock: systemClock }));
  const ask = (httpMethod: string, resource: string, pathParameters: object = {}, body: object = {}) =>
    call(endpoints, resource, { httpMethod, pathParameters, ...json(body) });
  const at = (path: string) => ({ url: `${receiver.url}${path}` });
  const begin = async (path: string): Promise<JobId> => {
    // A result that is in the blob store.
    const input = { way: "find", query: "What keeps a queue?", note: text(150_000) };
    const request = json({ workflow: "ways", input, options: { webhook: at(path) } });
    return ((await call(submit, "/v1/jobs", request)) as JobView).id as JobId;
  };
  const told = async (jobId: JobId, wanted: (record: DeliveryRecord) => boolean): Promise<DeliveryRecord> => {
    for (;;) {
      const [record] = await deliveries.of(jobId);
      if (record && wanted(record)) return record;
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  };
  const endpoint = (await ask("POST", "/v1/webhooks", {}, at("/unused"))) as { id: string };
  await ask("DELETE", "/v1/webhooks/{endpointId}", { endpointId: endpoint.id });
  const [taken, down] = [await begin("/taken"), await begin("/down")];
  const { id } = await told(taken, ({ status }) => status === "delivered");
  await ask("POST", "/v1/jobs/{jobId}/webhooks/{webhookId}/resend", { jobId: taken, webhookId: id });
  // Its ninth failure is behind it: the one that comes is the last.
  const failing = await told(down, ({ attempts }) => attempts.length > 0);
  const stored = await deliveries.get(down, failing.id);
  const { running: _, ...record } = { ...(stored?.record ?? failing), made: 9 };
  await deliveries.change(down, record, stored?.version ?? 0, Date.now() + 60 * MINUTE_MS);
  const { webhook: to, event, seq } = failing;
  const detail = { tenant: "acme" as TenantId, jobId: down, seq, webhook: { to, event, seq, attempt: 10 } };
  await send(WEBHOOKS, JSON.stringify({ source: EVENT_SOURCE, "detail-type": topics.requested(WEBHOOKS), detail }));
  await told(down, ({ status }) => status === "failed");
  // A message of nobody's, and dead letters of which one means nothing any more.
  await send(WEBHOOKS, "no event");
  const gone = { ...detail, jobId: jobIdFrom(Buffer.alloc(17)) };
  const letter = { source: EVENT_SOURCE, "detail-type": topics.requested(WEBHOOKS), detail: gone };
  const QueueUrl = stack.aws.queueUrlPrefix + sqsDeadLetterSuffix(WEBHOOKS);
  await stack.aws.clients.sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: JSON.stringify(letter) }));
}

async function send(queue: string, MessageBody: string): Promise<void> {
  await stack.aws.clients.sqs.send(new SendMessageCommand({ QueueUrl: stack.aws.queueUrlPrefix + queue, MessageBody }));
}

/** As an EventSource reads, where the function's runtime does not stream. */
async function stream(fn: FunctionProcess, jobId: string): Promise<void> {
  const requestContext = { requestId: "test", authorizer: { tenant: "acme" } };
  const resource = "/v1/jobs/{jobId}/events";
  const request = { headers: { accept: "text/event-stream" }, resource, path: resource, pathParameters: { jobId } };
  const answer = (await fn.invoke({ ...request, requestContext })) as Answer;
  expect([answer.statusCode, answer.body.includes("event: job.completed")]).toEqual([200, true]);
}

const keyOf = (input: object): string => createHash("sha256").update(JSON.stringify(input)).digest("hex");

async function call(fn: FunctionProcess, resource: string, event: object): Promise<unknown> {
  const requestContext = { requestId: "test", authorizer: { tenant: "acme" } };
  const answer = (await fn.invoke({ headers: {}, resource, path: resource, ...event, requestContext })) as Answer;
  if (answer.statusCode >= 400) throw new Error(`${resource} was answered ${answer.statusCode}: ${answer.body}`);
  return JSON.parse(answer.body);
}

const json = (body: object, headers = {}) => ({
  headers: { "content-type": "application/json", ...headers },
  body: JSON.stringify(body),
});

interface Log {
  readonly events: readonly { readonly seq: number; readonly type: string; readonly stepId?: string }[];
}

/** Resolves when the message of a job's last dead letter is in its queue: the log says so first. */
async function letterOf(jobId: string, queue: string, { events }: Log): Promise<void> {
  const seq = events.findLast(({ type }) => type === "step.dead_lettered")?.seq;
  const QueueUrl = stack.aws.queueUrlPrefix + sqsDeadLetterSuffix(queue);
  for (;;) {
    const look = new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10, VisibilityTimeout: 0 });
    const { Messages = [] } = await stack.aws.clients.sqs.send(look);
    const details = Messages.map(({ Body }) => JSON.parse(Body ?? "{}").detail as { jobId?: string; seq?: number });
    if (details.some((detail) => detail?.jobId === jobId && detail.seq === seq)) return;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

/** What SQS does with a message that was received too often: it is in the dead letters as it was, here alone. */
async function setAside(queue: string, about: object, topic: string): Promise<void> {
  const detail = { tenant: "acme", seq: 1, ...about };
  const QueueUrl = stack.aws.queueUrlPrefix + sqsDeadLetterSuffix(queue);
  const MessageBody = JSON.stringify({ source: EVENT_SOURCE, "detail-type": topic, detail });
  await stack.aws.clients.sqs.send(new PurgeQueueCommand({ QueueUrl }));
  await stack.aws.clients.sqs.send(new SendMessageCommand({ QueueUrl, MessageBody }));
}

/** A function of the deployment before is told to bring a job forward that this one has worked on. */
async function meetNewerCode(jobId: string): Promise<void> {
  const older = await stack.start("Sluice/Pipeline/Workflow-ways/Worker", { environment: { SLUICE_DEPLOY_SEQ: "1" } });
  const detail = { tenant: "acme", jobId, seq: 1 };
  const body = JSON.stringify({ source: EVENT_SOURCE, "detail-type": topics.advance("ways"), detail });
  const record = { messageId: "1", receiptHandle: "1", body, attributes: {}, messageAttributes: {} };
  expect(await older.invoke({ Records: [{ ...record, eventSource: "aws:sqs" }] })).toEqual({ batchItemFailures: [] });
}

/** Half an hour later, and again when a deployment has taken a capability away. */
async function reconcile(): Promise<void> {
  const later: Record<string, string>[] = [
    { SLUICE_TEST_AHEAD_MS: String(30 * MINUTE_MS) },
    { SLUICE_TEST_AHEAD_MS: String(90 * MINUTE_MS), SLUICE_TEST_APP: LATER_APP_FILE },
  ];
  for (const environment of later) {
    const reconciler = await stack.start("Sluice/Operations/Reconciler", { environment });
    await reconciler.invoke({});
    await reconciler.stop();
  }
}

test("functions may do what they do, and nothing that they do not", () => {
  expect(stack.errors).toEqual([]);
  expect(describeComparison(compare(lines, ACKNOWLEDGED))).toEqual([]);
});

describe("it would be seen if", () => {
  const changed = (change: (statements: readonly Statement[]) => Statement[]): string[] => {
    const other = lines.map((line) =>
      line.kind === "role" && line.function.includes("/Capability-")
        ? { ...line, statements: change(line.statements) }
        : line,
    );
    return describeComparison(compare(other, ACKNOWLEDGED)).map((line) => line.replace(/, \d+ ×.*/, ""));
  };

  test("workers lacked the right to their dead letters", () => {
    const others = ({ Resource }: Statement): string[] => [Resource].flat().filter((arn) => !arn.includes("_dead"));
    expect(changed((statements) => statements.map((each) => ({ ...each, Resource: others(each) })))).toEqual([
      "denied   Sluice/Pipeline/Capability-*/Worker: sqs:SendMessage on <Sluice/Pipeline/Capability-*/Topic/DeadLetters>",
    ]);
  });

  test("they had one too many", () => {
    const one = { Effect: "Allow", Action: "dynamodb:DeleteItem", Resource: "*" } as const;
    expect(changed((statements) => [...statements, one])).toEqual([
      "unused   Sluice/Pipeline/Capability-*/Worker: dynamodb:DeleteItem on *",
    ]);
  });
});
