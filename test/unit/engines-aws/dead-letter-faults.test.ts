import {
  ChangeMessageVisibilityBatchCommand,
  DeleteMessageBatchCommand,
  GetQueueAttributesCommand,
  ReceiveMessageCommand,
  SQSClient,
} from "@aws-sdk/client-sqs";
import { mockClient } from "aws-sdk-client-mock";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { topics } from "../../../src/contract/messages.ts";
import type { DeadLetter, DeadLetterVerdict } from "../../../src/core/ports.ts";
import { bodyOf } from "../../../src/engines/aws/sqs-body.ts";
import { SqsDeadLetters } from "../../../src/engines/aws/sqs-dead-letters.ts";
import { message } from "../../../src/testing/contracts/fixtures.ts";
import { VirtualClock } from "../../../src/testing/virtual-clock.ts";

// What a local server cannot be made to answer.

const URL = "https://sqs/1/p-echo_dead";
const sqs = mockClient(SQSClient);
const clock = new VirtualClock();
let letters: SqsDeadLetters;
beforeEach(() => {
  letters = new SqsDeadLetters({ client: new SQSClient({ region: "us-east-1" }), clock });
  sqs.on(ChangeMessageVisibilityBatchCommand).resolves({});
});
afterEach(() => sqs.reset());

const letter = (n: number, reason: string | undefined = "given up") => ({
  MessageId: `id-${n}`,
  ReceiptHandle: `receipt-${n}`,
  Body: bodyOf(message(topics.requested("echo"), { seq: n })),
  Attributes: { SentTimestamp: "1000" },
  ...(reason ? { MessageAttributes: { reason: { DataType: "String", StringValue: reason } } } : {}),
});
const waiting = (count: number): void => {
  sqs.on(GetQueueAttributesCommand).resolves({ Attributes: { ApproximateNumberOfMessages: String(count) } });
};
const removeOdd = async ({ message: { detail } }: DeadLetter): Promise<DeadLetterVerdict> =>
  detail.seq % 2 === 1 ? "remove" : "keep";
const handles = (command: typeof DeleteMessageBatchCommand | typeof ChangeMessageVisibilityBatchCommand) =>
  sqs
    .commandCalls(command as typeof DeleteMessageBatchCommand)
    .map(({ args: [{ input }] }) => (input.Entries ?? []).map(({ ReceiptHandle }) => ReceiptHandle));
const failed = (...ids: string[]) => ({ Failed: ids.map((Id) => ({ Id, SenderFault: false, Code: "InternalError" })) });

describe("a review of dead letters", () => {
  test("asks again for what a batch did not delete", async () => {
    waiting(3);
    sqs.on(ReceiveMessageCommand).resolvesOnce({ Messages: [letter(1), letter(2), letter(3)] });
    sqs.on(DeleteMessageBatchCommand).resolvesOnce(failed("1")).resolves({});
    expect(await letters.review(URL, removeOdd, 50)).toEqual({ kept: 1, removed: 2, malformed: 0 });
    expect(handles(DeleteMessageBatchCommand)).toEqual([["receipt-1", "receipt-3"], ["receipt-3"]]);
    expect(handles(ChangeMessageVisibilityBatchCommand)).toEqual([["receipt-2"]]);
  });

  test("fails when a batch cannot be deleted, and shows the others again", async () => {
    waiting(2);
    sqs.on(ReceiveMessageCommand).resolvesOnce({ Messages: [letter(1), letter(2)] });
    sqs.on(DeleteMessageBatchCommand).resolves(failed("0"));
    await expect(letters.review(URL, removeOdd, 50)).rejects.toThrow("1 messages of p-echo_dead could not be deleted");
    expect(handles(ChangeMessageVisibilityBatchCommand)).toEqual([["receipt-2"]]);
  });

  test("fails when the queue answers no more, and shows again what it had looked at", async () => {
    waiting(20);
    sqs
      .on(ReceiveMessageCommand)
      .resolvesOnce({ Messages: [letter(2), letter(4)] })
      .rejects(new Error("throttled"));
    await expect(letters.review(URL, removeOdd, 50)).rejects.toThrow("throttled");
    expect(handles(ChangeMessageVisibilityBatchCommand)).toEqual([["receipt-2", "receipt-4"]]);
  });

  test("that takes longer than it hides what it looks at deletes nothing, and shows nothing again: another may look by then", async () => {
    waiting(3);
    sqs.on(ReceiveMessageCommand).resolvesOnce({ Messages: [letter(1), letter(2), letter(3)] });
    const slowly = async (each: DeadLetter) => {
      if (each.message.detail.seq === 2) await clock.advance(50_000);
      return removeOdd(each);
    };
    expect(await letters.review(URL, slowly, 50)).toEqual({ kept: 3, removed: 0, malformed: 0 });
    expect(sqs.commandCalls(DeleteMessageBatchCommand)).toEqual([]);
    expect(sqs.commandCalls(ChangeMessageVisibilityBatchCommand)).toEqual([]);
  });

  test("is not troubled when letters cannot be shown again at once: they show themselves", async () => {
    waiting(1);
    sqs.on(ReceiveMessageCommand).resolvesOnce({ Messages: [letter(2)] });
    sqs.on(ChangeMessageVisibilityBatchCommand).rejects(new Error("throttled"));
    expect(await letters.review(URL, removeOdd, 50)).toEqual({ kept: 1, removed: 0, malformed: 0 });
  });

  test("ends where a queue has less than it said, and asks for no more than there are", async () => {
    waiting(12);
    sqs
      .on(ReceiveMessageCommand)
      .resolvesOnce({ Messages: Array.from({ length: 10 }, (_, n) => letter(2 * n)) })
      .resolves({});
    expect(await letters.review(URL, removeOdd, 50)).toMatchObject({ kept: 10 });
    const asked = sqs.commandCalls(ReceiveMessageCommand).map(({ args: [{ input }] }) => input.MaxNumberOfMessages);
    expect(asked).toEqual([10, 2]);
  });

  test("of an empty queue costs one call", async () => {
    waiting(0);
    expect(await letters.review(URL, removeOdd, 50)).toEqual({ kept: 0, removed: 0, malformed: 0 });
    expect(sqs.calls()).toHaveLength(1);
  });

  test("counts what is no message of ours, and keeps it", async () => {
    waiting(1);
    sqs.on(ReceiveMessageCommand).resolvesOnce({ Messages: [{ ...letter(1), Body: "not json" }] });
    expect(await letters.review(URL, removeOdd, 50)).toEqual({ kept: 0, removed: 0, malformed: 1 });
    expect(handles(ChangeMessageVisibilityBatchCommand)).toEqual([["receipt-1"]]);
  });

  test("tells since when it knows a message that SQS moved, whose own time is that of its sending", async () => {
    waiting(1);
    sqs.on(ReceiveMessageCommand).resolves({ Messages: [letter(2, "")] });
    const seen: number[] = [];
    const look = async ({ deadLetteredAtMs }: DeadLetter) => {
      seen.push(deadLetteredAtMs);
      return "keep" as const;
    };
    const firstMs = clock.now();
    await letters.review(URL, look, 50);
    await clock.advance(60_000);
    await letters.review(URL, look, 50);
    expect(seen).toEqual([firstMs, firstMs]);
  });
});
