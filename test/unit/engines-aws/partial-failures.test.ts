import { EventBridgeClient, PutEventsCommand, type PutEventsRequestEntry } from "@aws-sdk/client-eventbridge";
import { DeleteMessageBatchCommand, SQSClient } from "@aws-sdk/client-sqs";
import { mockClient } from "aws-sdk-client-mock";
import { afterEach, describe, expect, test } from "vitest";
import { EventBridgeTopics, PublishError } from "../../../src/engines/aws/eventbridge-topics.ts";
import { AckError } from "../../../src/engines/aws/sqs-batches.ts";
import { SqsWorkQueue } from "../../../src/engines/aws/sqs-work-queue.ts";
import { message } from "../../../src/testing/contracts/fixtures.ts";
import { VirtualClock } from "../../../src/testing/virtual-clock.ts";

const region = "us-east-1";
const bus = mockClient(EventBridgeClient);
const sqs = mockClient(SQSClient);
afterEach(() => {
  bus.reset();
  sqs.reset();
});

describe("a bus that takes some entries of a call", () => {
  const taken = { EventId: "e" };
  const refused = { ErrorCode: "ThrottlingException", ErrorMessage: "slow down" };
  const clock = new VirtualClock();
  const topics = new EventBridgeTopics({
    client: new EventBridgeClient({ region }),
    busName: "bus",
    clock,
    random: () => 0.5,
  });
  const all = Array.from({ length: 12 }, (_, n) => message(`ai.step-${n}.requested`));
  const publish = async () => {
    let over = false;
    const published = topics.publish(all).finally(() => {
      over = true;
    });
    published.catch(() => {});
    await clock.runUntil(() => over);
    return published;
  };
  const calls = (): string[][] =>
    bus
      .commandCalls(PutEventsCommand)
      .map(({ args: [{ input }] }) => (input.Entries ?? []).map(({ DetailType = "" }) => DetailType));

  test("gets the others again, and only these", async () => {
    let asked = 0;
    bus.on(PutEventsCommand).callsFake(({ Entries = [] }: { Entries?: PutEventsRequestEntry[] }) => {
      asked += 1;
      // Of the ten of the first call two, then one of these.
      const refuses = (topic = "") => (asked <= 2 ? /step-(3|7)\./.test(topic) : asked === 3 && /step-7\./.test(topic));
      const results = Entries.map(({ DetailType }) => (refuses(DetailType) ? refused : taken));
      return {
        FailedEntryCount: results.filter((result) => "ErrorCode" in result).length,
        Entries: results,
      };
    });
    const started = clock.now();
    await publish();
    expect(calls().map((topics) => topics.length)).toEqual([10, 2, 2, 1]);
    expect(calls().slice(2)).toEqual([["ai.step-3.requested", "ai.step-7.requested"], ["ai.step-7.requested"]]);
    expect(clock.now() - started).toBe(50 + 100);
  });

  test("and refuses one again and again: publishing fails and says why", async () => {
    bus.on(PutEventsCommand).callsFake(({ Entries = [] }: { Entries?: PutEventsRequestEntry[] }) => ({
      FailedEntryCount: Entries.some(({ DetailType }) => DetailType === "ai.step-11.requested") ? 1 : 0,
      Entries: Entries.map(({ DetailType }) => (DetailType === "ai.step-11.requested" ? refused : taken)),
    }));
    const failure = await publish().catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(PublishError);
    expect((failure as Error).message).toBe("1 messages were refused: ThrottlingException");
    expect(calls().map((topics) => topics.length)).toEqual([10, 2, 1, 1, 1, 1]);
  });
});

describe("a queue that deletes some messages of a batch", () => {
  const queue = new SqsWorkQueue({
    client: new SQSClient({ region }),
    urlPrefix: "https://sqs/1/p-",
    clock: new VirtualClock(),
  });
  const receipts = Array.from({ length: 3 }, (_, n) => ({ queue: "echo", receipt: `receipt-${n}` }));
  const handles = (): (string | undefined)[][] =>
    sqs
      .commandCalls(DeleteMessageBatchCommand)
      .map(({ args: [{ input }] }) => (input.Entries ?? []).map(({ ReceiptHandle }) => ReceiptHandle));
  const failed = (Id: string, SenderFault: boolean) => ({
    Id,
    SenderFault,
    Code: SenderFault ? "ReceiptHandleIsInvalid" : "InternalError",
  });

  test("is asked again for those that it failed on", async () => {
    sqs
      .on(DeleteMessageBatchCommand)
      .resolvesOnce({ Successful: [{ Id: "1" }], Failed: [failed("0", false), failed("2", false)] })
      .resolvesOnce({ Successful: [{ Id: "0" }], Failed: [failed("1", false)] })
      .resolves({ Successful: [{ Id: "0" }], Failed: [] });
    await queue.ack(receipts);
    expect(handles()).toEqual([["receipt-0", "receipt-1", "receipt-2"], ["receipt-0", "receipt-2"], ["receipt-2"]]);
  });

  test("is not asked again for a receipt that is over: the message is somebody else's", async () => {
    sqs.on(DeleteMessageBatchCommand).resolves({ Successful: [{ Id: "0" }, { Id: "2" }], Failed: [failed("1", true)] });
    await queue.ack(receipts);
    expect(handles()).toHaveLength(1);
  });

  test("and fails again and again: acking fails and says so", async () => {
    sqs.on(DeleteMessageBatchCommand).resolves({ Failed: [failed("0", false)] });
    const failure = await queue.ack(receipts).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(AckError);
    expect((failure as Error).message).toBe("1 messages of p-echo could not be deleted: InternalError");
    expect(handles()).toHaveLength(3);
  });

  test("is not called for no messages, and ten at a time for many", async () => {
    sqs.on(DeleteMessageBatchCommand).resolves({ Failed: [] });
    await queue.ack([]);
    expect(handles()).toEqual([]);
    await queue.ack(Array.from({ length: 23 }, (_, n) => ({ queue: "echo", receipt: `r${n}` })));
    expect(handles().map((batch) => batch.length)).toEqual([10, 10, 3]);
  });
});
