import { describe, expect, it } from "vitest";
import { STEPS_PER_MESSAGE } from "../../contract/messages.ts";
import type { Topics } from "../../core/ports.ts";
import { message, newTenant, type QueueAtHand, receive } from "./fixtures.ts";

export interface TopicsUnderTest extends QueueAtHand {
  readonly topics: Topics;
  /** Messages on this topic reach `queueName`, and no others do. */
  readonly topic: string;
  close(): Promise<void>;
}

/** What every {@link Topics} does. */
export function testTopics(name: string, factory: () => Promise<TopicsUnderTest>): void {
  const test = (behaviour: string, body: (port: TopicsUnderTest) => Promise<void>): void =>
    it(behaviour, async () => {
      const port = await factory();
      try {
        await body(port);
      } finally {
        await port.close();
      }
    });

  describe(`topics: ${name}`, () => {
    test("brings a message to the queue of its topic as it was published", async (port) => {
      const sent = message(port.topic, {
        tenant: newTenant(),
        seq: 12,
        stepIds: Array.from({ length: STEPS_PER_MESSAGE }, (_, index) => `${index}/${"schritt ✓ ".repeat(15)}`),
        traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
      });
      await port.topics.publish([sent]);
      expect((await receive(port, 1))[0]?.message).toEqual(sent);
    });

    test("brings a message without steps", async (port) => {
      const sent = message(port.topic);
      await port.topics.publish([sent]);
      expect((await receive(port, 1))[0]?.message).toEqual(sent);
    });

    test("brings all of more messages than one call of a bus takes", async (port) => {
      const sent = Array.from({ length: 25 }, (_, index) => message(port.topic, { seq: index + 1 }));
      await port.topics.publish(sent);
      const seqs = (await receive(port, 25)).map((delivery) => delivery.message.detail.seq);
      expect(seqs.sort((a, b) => a - b)).toEqual(sent.map(({ detail }) => detail.seq));
    });

    test("accepts a message that nobody listens to, and brings those beside it", async (port) => {
      const heard = message(port.topic);
      await port.topics.publish([message("ai.nobody.requested"), heard, message("ai.nobody.completed")]);
      expect((await receive(port, 1)).map((delivery) => delivery.message)).toEqual([heard]);
      expect(await port.queue.receive(port.queueName, 10, 1_000)).toEqual([]);
    });

    test("accepts no messages at all", async (port) => {
      await port.topics.publish([]);
      expect(await port.queue.receive(port.queueName, 10, 1_000)).toEqual([]);
    });
  });
}
