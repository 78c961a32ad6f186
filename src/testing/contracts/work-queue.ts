import { describe, expect, it } from "vitest";
import { type DeadLetter, type DeadLetterVerdict, type Delivery, MAX_RECEIVES, type Topics } from "../../core/ports.ts";
import { eventually, message, newTenant, type QueueAtHand, receive, receiveOne } from "./fixtures.ts";

export interface WorkQueueUnderTest extends QueueAtHand {
  /** How messages come into a queue that nobody deferred them to. */
  readonly topics: Topics;
  /** Messages on this topic reach `queueName`. */
  readonly topic: string;
  close(): Promise<void>;
}

export interface WorkQueueTraits {
  /** Whether tenants take turns. An emulator may not know of it. @default true */
  readonly fair?: boolean;
  /** Whether the queue tells the age of its oldest message, and how fast it is worked off. @default true */
  readonly ages?: boolean;
  /** Whether time really passes: then the tests pass it together. @default false */
  readonly realTime?: boolean;
}

const SECOND_MS = 1_000;

/** What every {@link import("../../core/ports.ts").WorkQueue} does. Times are whole seconds, as servers count them. */
export function testWorkQueue(
  name: string,
  factory: () => Promise<WorkQueueUnderTest>,
  { fair = true, ages = true, realTime = false }: WorkQueueTraits = {},
): void {
  const run = (body: (port: WorkQueueUnderTest) => Promise<void>) => async () => {
    const port = await factory();
    try {
      await body(port);
    } finally {
      await port.close();
    }
  };
  const test = (behaviour: string, body: (port: WorkQueueUnderTest) => Promise<void>): void =>
    (realTime ? it.concurrent : it)(behaviour, run(body));

  describe(`work queue: ${name}`, () => {
    test("has nothing to receive while nothing was sent", async ({ queue, queueName }) => {
      expect(await queue.receive(queueName, 10, SECOND_MS)).toEqual([]);
    });

    test("hands a message out once, and never again after its ack", async (port) => {
      const sent = await send(port);
      const delivery = await receiveOne(port, 2 * SECOND_MS);
      expect(delivery).toMatchObject({ queue: port.queueName, message: sent, receiveCount: 1 });
      expect(await nothing(port)).toBe(true);
      await port.queue.ack([delivery]);
      await port.wait(3 * SECOND_MS);
      expect(await nothing(port)).toBe(true);
    });

    test("hands out no more than asked for, and everything in the end", async (port) => {
      await port.topics.publish(Array.from({ length: 12 }, (_, index) => message(port.topic, { seq: index + 1 })));
      expect((await port.queue.receive(port.queueName, 5, 2 * SECOND_MS)).length).toBeLessThanOrEqual(5);
      await port.wait(3 * SECOND_MS);
      const seqs = (await receive(port, 12)).map((delivery) => delivery.message.detail.seq);
      expect(new Set(seqs).size).toBe(12);
    });

    test("hands one message to one of several consumers", async (port) => {
      await port.topics.publish(Array.from({ length: 30 }, () => message(port.topic)));
      const hands = await Promise.all(Array.from({ length: 3 }, () => receive(port, 10)));
      expect(new Set(hands.flat().map(({ messageId }) => messageId)).size).toBe(30);
    });

    test("acks many at once, and none at all", async (port) => {
      await port.topics.publish(Array.from({ length: 10 }, () => message(port.topic)));
      await port.queue.ack(await receive(port, 10, 2 * SECOND_MS));
      await port.queue.ack([]);
      await port.wait(3 * SECOND_MS);
      expect(await nothing(port)).toBe(true);
    });

    test("hands a message out again when its visibility timeout has ended, and counts", async (port) => {
      const sent = await send(port);
      const first = await receiveOne(port, 2 * SECOND_MS);
      await port.wait(SECOND_MS);
      expect(await nothing(port)).toBe(true);
      await port.wait(2 * SECOND_MS);
      const second = await receiveOne(port, 2 * SECOND_MS);
      expect(second).toMatchObject({ message: sent, receiveCount: 2, messageId: first.messageId });
      expect(second.receipt).not.toBe(first.receipt);
    });

    test("gives each delivery its own visibility timeout", async (port) => {
      await send(port, 1);
      const long = await receiveOne(port, 10 * SECOND_MS);
      await send(port, 2);
      const short = await receiveOne(port, 2 * SECOND_MS);
      await port.wait(3 * SECOND_MS);
      expect((await receiveOne(port, 60 * SECOND_MS)).messageId).toBe(short.messageId);
      await port.wait(8 * SECOND_MS);
      expect((await receiveOne(port)).messageId).toBe(long.messageId);
    });

    test("brings a message back after the delay of a retry, its receive count kept", async (port) => {
      const sent = await send(port);
      const first = await receiveOne(port);
      await port.queue.retryLater(first, 3 * SECOND_MS);
      await port.wait(SECOND_MS);
      expect(await nothing(port)).toBe(true);
      await port.wait(3 * SECOND_MS);
      expect(await receiveOne(port)).toMatchObject({ message: sent, receiveCount: 2 });
    });

    test("defers a copy with a fresh receive count until its delay is over", async (port) => {
      const sent = await send(port);
      const first = await receiveOne(port);
      await port.queue.defer(port.queueName, first.message, 3 * SECOND_MS);
      await port.queue.ack([first]);
      await port.wait(SECOND_MS);
      expect(await nothing(port)).toBe(true);
      await port.wait(3 * SECOND_MS);
      expect(await receiveOne(port)).toMatchObject({ message: sent, receiveCount: 1 });
      expect(await nothing(port)).toBe(true);
    });

    test("keeps a message that was deferred 200 times in a row out of the dead letters", async (port) => {
      const sent = await send(port);
      for (let times = 0; times < 200; times++) {
        const delivery = await receiveOne(port);
        expect(delivery.receiveCount).toBe(1);
        await port.queue.defer(port.queueName, delivery.message, 0);
        await port.queue.ack([delivery]);
      }
      expect(await receiveOne(port)).toMatchObject({ message: sent, receiveCount: 1 });
      expect(await port.queue.deadLetters(port.queueName, 10)).toEqual([]);
    });

    test(`sets a message aside by itself after ${MAX_RECEIVES} receives, without a seq`, async (port) => {
      const sent = await send(port);
      for (let count = 1; count <= MAX_RECEIVES; count++) {
        const delivery = await receiveOne(port);
        expect(delivery.receiveCount).toBe(count);
        await port.queue.retryLater(delivery, 0);
      }
      const letters = await eventually(
        port.wait,
        async () => {
          expect(await nothing(port)).toBe(true);
          return port.queue.deadLetters(port.queueName, 10);
        },
        ({ length }) => length > 0,
      );
      expect(letters.map((letter) => letter.message)).toEqual([sent]);
      expect(letters[0]).not.toHaveProperty("seq");
    });

    test("does not ack a delivery that somebody else holds by now", async (port) => {
      await send(port);
      const old = await receiveOne(port, SECOND_MS);
      await port.wait(2 * SECOND_MS);
      await receiveOne(port, 3 * SECOND_MS);
      await port.queue.ack([old]);
      expect(await nothing(port)).toBe(true);
      await port.wait(4 * SECOND_MS);
      expect((await receiveOne(port)).receiveCount).toBe(3);
    });

    test("does not bring a message forward by a receipt that is over", async (port) => {
      await send(port);
      const old = await receiveOne(port, SECOND_MS);
      await port.wait(2 * SECOND_MS);
      await receiveOne(port, 60 * SECOND_MS);
      await port.queue.retryLater(old, 0).catch(() => {});
      await port.wait(SECOND_MS);
      expect(await nothing(port)).toBe(true);
    });

    test("keeps dead letters with their reason and seq, the oldest first", async (port) => {
      const letters = [
        message(port.topic, { seq: 7 }),
        message(port.topic, { seq: 8 }),
        message(port.topic, { seq: 9 }),
      ];
      for (const [index, each] of letters.entries()) {
        await port.queue.deadLetter(port.queueName, each, { reason: `reason ${index}`, seq: 100 + index });
        await port.wait(SECOND_MS);
      }
      const kept = await eventually(
        port.wait,
        () => port.queue.deadLetters(port.queueName, 10),
        ({ length }) => length === 3,
      );
      expect(kept.map((letter) => letter.message)).toEqual(letters);
      expect(kept.map(({ reason, seq }) => [reason, seq])).toEqual([
        ["reason 0", 100],
        ["reason 1", 101],
        ["reason 2", 102],
      ]);
      expect((await port.queue.deadLetters(port.queueName, 2)).map((letter) => letter.message)).toEqual(
        letters.slice(0, 2),
      );
      expect(await nothing(port)).toBe(true);
    });

    test("shows dead letters to a judge, deletes those of which it says so, and keeps the others as they were", async (port) => {
      for (let seq = 1; seq <= 12; seq++) {
        const reason = { reason: `reason ${seq}`, seq: 100 + seq };
        await port.queue.deadLetter(port.queueName, message(port.topic, { seq }), reason);
      }
      const shown = await reviewAll(port, 12, (seq) => (seq % 2 === 0 ? "remove" : "keep"));
      const bySeq = (a: DeadLetter, b: DeadLetter) => (a.seq ?? 0) - (b.seq ?? 0);
      expect(shown.toSorted(bySeq).map(({ seq, reason, message: { detail } }) => [seq, reason, detail.seq])).toEqual(
        Array.from({ length: 12 }, (_, n) => [101 + n, `reason ${n + 1}`, n + 1]),
      );
      const odd = [101, 103, 105, 107, 109, 111];
      const left = await eventually(
        port.wait,
        () => port.queue.deadLetters(port.queueName, 20),
        ({ length }) => length === odd.length,
      );
      expect(left.map(({ seq }) => seq)).toEqual(odd);
      expect((await reviewAll(port, 6, () => "keep")).map(({ seq }) => seq).toSorted()).toEqual(odd);
      expect(await nothing(port)).toBe(true);
    });

    test("shows no more dead letters than asked for, and of a queue without any none", async (port) => {
      const { queue, queueName, topic } = port;
      const all = { kept: 0, removed: 0, malformed: 0 };
      expect(await queue.reviewDeadLetters(queueName, () => expect.fail("there is none"), 10)).toEqual(all);
      for (let seq = 1; seq <= 5; seq++) await queue.deadLetter(queueName, message(topic), { reason: "broken", seq });
      const review = await eventually(
        port.wait,
        () => queue.reviewDeadLetters(queueName, async () => "keep", 3),
        ({ kept }) => kept === 3,
      );
      expect(review).toEqual({ kept: 3, removed: 0, malformed: 0 });
    });

    test("keeps a dead letter whose judge fails, says so, and does what it was told of the others", async (port) => {
      const { queue, queueName, topic } = port;
      for (let seq = 1; seq <= 3; seq++) await queue.deadLetter(queueName, message(topic), { reason: "broken", seq });
      await eventually(
        port.wait,
        async () => (await queue.stats(queueName)).deadLetters,
        (count) => count === 3,
      );
      const judge = async ({ seq }: DeadLetter) => {
        if (seq === 2) throw new Error("cannot tell");
        return "remove" as const;
      };
      await expect(queue.reviewDeadLetters(queueName, judge, 10)).rejects.toThrow("cannot tell");
      const left = await eventually(
        port.wait,
        () => queue.deadLetters(queueName, 10),
        ({ length }) => length === 1,
      );
      expect(left.map(({ seq }) => seq)).toEqual([2]);
    });

    test("counts what is ready, delayed, in flight and dead", async (port) => {
      const { queue, queueName, wait } = port;
      const counts = async () => {
        const { ready, delayed, inFlight, deadLetters } = await queue.stats(queueName);
        expect((await queue.backlog(queueName)).ready).toBe(ready);
        return { ready, delayed, inFlight, deadLetters };
      };
      const become = async (expected: Awaited<ReturnType<typeof counts>>): Promise<void> => {
        const same = (got: typeof expected) => JSON.stringify(got) === JSON.stringify(expected);
        expect(await eventually(wait, counts, same)).toEqual(expected);
      };
      await become({ ready: 0, delayed: 0, inFlight: 0, deadLetters: 0 });
      for (let n = 0; n < 3; n++) await send(port);
      await become({ ready: 3, delayed: 0, inFlight: 0, deadLetters: 0 });
      const [one, two] = await receive(port, 2, 600 * SECOND_MS);
      if (!one || !two) throw new Error("unreachable");
      await become({ ready: 1, delayed: 0, inFlight: 2, deadLetters: 0 });
      await queue.ack([one]);
      await queue.deadLetter(queueName, two.message, { reason: "broken", seq: 3 });
      await queue.ack([two]);
      await queue.defer(queueName, message(port.topic), 600 * SECOND_MS);
      await become({ ready: 1, delayed: 1, inFlight: 0, deadLetters: 1 });
    });

    it.runIf(ages)(
      "tells how fast it is worked off while there is something to do",
      run(async (port) => {
        const { queue, queueName, wait } = port;
        expect(await queue.drainedPerSecond(queueName)).toBeUndefined();
        for (let n = 0; n < 12; n++) await send(port);
        for (let n = 0; n < 10; n++) {
          await wait(SECOND_MS / 2);
          await queue.ack([await receiveOne(port)]);
        }
        expect(await queue.drainedPerSecond(queueName)).toBeCloseTo(2, 1);
        await queue.ack(await receive(port, 2));
        await wait(30 * SECOND_MS);
        expect(await queue.drainedPerSecond(queueName)).toBeCloseTo(2.4, 1);
      }),
    );

    it.runIf(ages)(
      "is not worked off by deferring",
      run(async (port) => {
        const { queue, queueName, wait } = port;
        const later = async (delivery: Delivery): Promise<void> => {
          await queue.defer(queueName, delivery.message, 600 * SECOND_MS);
          await queue.ack([delivery]);
        };
        for (let n = 0; n < 21; n++) await send(port);
        for (let n = 0; n < 10; n++) {
          await wait(SECOND_MS);
          await later(await receiveOne(port));
        }
        expect(await queue.drainedPerSecond(queueName)).toBe(0);
        for (let n = 0; n < 10; n++) {
          await wait(SECOND_MS);
          await queue.ack([await receiveOne(port)]);
        }
        expect(await queue.drainedPerSecond(queueName)).toBeCloseTo(0.5, 1);
      }),
    );

    it.runIf(ages)(
      "tells the age of the oldest message that is ready",
      run(async (port) => {
        const { queue, queueName, wait } = port;
        expect((await queue.stats(queueName)).oldestAgeMs).toBe(0);
        await send(port);
        await wait(5 * SECOND_MS);
        await send(port);
        await wait(3 * SECOND_MS);
        const age = await eventually(
          wait,
          async () => (await queue.backlog(queueName)).oldestAgeMs ?? 0,
          (ageMs) => ageMs >= 8 * SECOND_MS,
        );
        expect(age).toBeGreaterThanOrEqual(8 * SECOND_MS);
        await queue.ack(await receive(port, 2));
      }),
    );

    it.runIf(fair)(
      "does not let one tenant's thousand messages delay another's one by more than a few receives",
      run(async (port) => {
        const [busy, quiet] = [newTenant(), newTenant()];
        const backlog = Array.from({ length: 1_000 }, () => message(port.topic, { tenant: busy }));
        for (let at = 0; at < backlog.length; at += 100) await port.topics.publish(backlog.slice(at, at + 100));
        await receive(port, 20);
        await send(port, 1, quiet);
        for (let receives = 1; receives <= 3; receives++) {
          const batch = await port.queue.receive(port.queueName, 10, 60 * SECOND_MS);
          if (batch.some((delivery) => delivery.message.detail.tenant === quiet)) return;
        }
        expect.fail("the quiet tenant's message was not among the next 30");
      }),
    );
  });
}

async function send({ topics, topic }: WorkQueueUnderTest, seq = 1, tenant = newTenant()) {
  const sent = message(topic, { tenant, seq });
  await topics.publish([sent]);
  return sent;
}

/** Reviews until so many dead letters were shown: a server may show fewer at once. */
async function reviewAll(
  { queue, queueName, wait }: WorkQueueUnderTest,
  count: number,
  verdict: (seq: number) => DeadLetterVerdict,
): Promise<DeadLetter[]> {
  const shown = new Map<number | undefined, DeadLetter>();
  const judge = async (letter: DeadLetter): Promise<DeadLetterVerdict> => {
    shown.set(letter.seq, letter);
    return verdict(letter.seq ?? 0);
  };
  await eventually(
    wait,
    () => queue.reviewDeadLetters(queueName, judge, 20),
    () => shown.size >= count,
  );
  return [...shown.values()];
}

async function nothing({ queue, queueName }: WorkQueueUnderTest): Promise<boolean> {
  return (await queue.receive(queueName, 10, 60 * SECOND_MS)).length === 0;
}
