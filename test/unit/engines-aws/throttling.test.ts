import { Readable } from "node:stream";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { type AwsClients, awsClients } from "../../../src/engines/aws/aws-clients.ts";
import { openAwsEngine } from "../../../src/engines/aws/aws-engine.ts";
import { commit, message, newJobId, newTenant } from "../../../src/testing/contracts/fixtures.ts";

// What a local server cannot be made to answer: the clients' own retries are as they are on AWS.

/** Of the clients' settings. */
const ATTEMPTS = 4;

interface Answer {
  readonly status: number;
  readonly body: object;
}

let clients: AwsClients;

beforeEach(() => {
  vi.stubEnv("AWS_REGION", "us-east-1");
  vi.stubEnv("AWS_ACCESS_KEY_ID", "test");
  vi.stubEnv("AWS_SECRET_ACCESS_KEY", "test");
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  clients = awsClients();
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllEnvs();
});

/** Answers a client's requests in this order, the last one for ever; counts them. */
function answers(client: keyof AwsClients, ...all: readonly Answer[]): { readonly requests: () => number } {
  let requests = 0;
  const handle = async () => {
    const { status, body } = all[Math.min(requests, all.length - 1)] as Answer;
    requests += 1;
    const text = Buffer.from(JSON.stringify(body));
    return { response: { statusCode: status, headers: {}, body: Readable.from([text]) } };
  };
  Object.assign(clients[client].config, { requestHandler: { handle } });
  return { requests: () => requests };
}

const error = (name: string, status = 400): Answer => ({
  status,
  body: { __type: `com.amazonaws#${name}`, message: "slow down" },
});
const engine = () =>
  openAwsEngine({
    table: "table",
    bucket: "bucket",
    bus: "bus",
    queueUrlPrefix: "https://sqs.us-east-1.amazonaws.com/1/p-",
    deploySeq: 1,
    clients,
  });

/** Lets the waits between tries pass at once. */
async function settled<T>(promise: Promise<T>): Promise<PromiseSettledResult<T>> {
  const watched = Promise.allSettled([promise]);
  let over = false;
  void watched.then(() => {
    over = true;
  });
  while (!over) {
    await vi.advanceTimersByTimeAsync(1_000);
    await new Promise((resolve) => setImmediate(resolve));
  }
  return (await watched)[0];
}

describe.each(["ThrottlingException", "ProvisionedThroughputExceededException"])("a table that says %s", (name) => {
  const once = [error(name), { status: 200, body: { Items: [] } }] as const;

  test("is asked again for an append and for a read", async () => {
    const append = answers("dynamoDb", ...once);
    expect(await settled(engine().log.append(commit(newJobId(), 1)))).toEqual({
      status: "fulfilled",
      value: "appended",
    });
    expect(append.requests()).toBe(2);
    const read = answers("dynamoDb", ...once);
    expect(await settled(engine().log.read(newJobId()))).toEqual({ status: "fulfilled", value: [] });
    expect(read.requests()).toBe(2);
  });

  test("makes both fail when it goes on, never with a conflict, and the append as one that may be tried again", async () => {
    const append = answers("dynamoDb", error(name));
    expect(await settled(engine().log.append(commit(newJobId(), 1)))).toMatchObject({
      reason: { name: "UnavailableError", cause: { name } },
    });
    expect(append.requests()).toBe(ATTEMPTS);
    const read = answers("dynamoDb", error(name));
    expect(await settled(engine().log.read(newJobId()))).toMatchObject({
      reason: { name: "UnavailableError", cause: { name } },
    });
    expect(read.requests()).toBe(ATTEMPTS);
  });
});

test("a list of jobs, and an entry in it, that the table throttles for long are an outage, too", async () => {
  const { index } = engine();
  const tenant = newTenant();
  const asks: (() => Promise<unknown>)[] = [
    () => index.list({ tenant, limit: 10 }),
    () => index.due(0, 10),
    () => index.countRunning(tenant, 10),
    () => index.change(newJobId(), { status: "running" }),
  ];
  for (const ask of asks) {
    answers("dynamoDb", error("ThrottlingException"));
    expect(await settled(ask())).toMatchObject({ reason: { name: "UnavailableError" } });
    answers("dynamoDb", error("AccessDeniedException"));
    expect(await settled(ask())).toMatchObject({ reason: { name: "AccessDeniedException" } });
  }
});

test("a bus that throttles whole calls is asked again, and in the end publishing fails", async () => {
  const bus = answers("eventBridge", error("ThrottlingException"));
  expect(await settled(engine().topics.publish([message("ai.echo.requested")]))).toMatchObject({
    reason: { name: "ThrottlingException" },
  });
  expect(bus.requests()).toBe(ATTEMPTS);
});

test("a queue that throttles is asked again, and in the end acking and deferring fail", async () => {
  const throttled = error("RequestThrottled");
  const once = answers("sqs", throttled, { status: 200, body: { Successful: [{ Id: "0" }], Failed: [] } });
  expect(await settled(engine().queue.ack([{ queue: "echo", receipt: "r" }]))).toMatchObject({ status: "fulfilled" });
  expect(once.requests()).toBe(2);
  const defer = answers("sqs", throttled);
  expect(await settled(engine().queue.defer("echo", message("ai.echo.requested"), 1_000))).toMatchObject({
    reason: { name: "RequestThrottled" },
  });
  expect(defer.requests()).toBe(ATTEMPTS);
  const ack = answers("sqs", throttled);
  expect(await settled(engine().queue.ack([{ queue: "echo", receipt: "r" }]))).toMatchObject({
    reason: { name: "RequestThrottled" },
  });
  expect(ack.requests()).toBe(ATTEMPTS);
});

test("a server's fault is tried again like throttling", async () => {
  const append = answers("dynamoDb", error("InternalServerError", 500), { status: 200, body: {} });
  expect(await settled(engine().log.append(commit(newJobId(), 1)))).toMatchObject({ value: "appended" });
  expect(append.requests()).toBe(2);
});

test("a request that the table refuses for good is not tried again", async () => {
  const append = answers("dynamoDb", error("ValidationException"));
  expect(await settled(engine().log.append(commit(newJobId(), 1)))).toMatchObject({
    reason: { name: "ValidationException" },
  });
  expect(append.requests()).toBe(1);
});
