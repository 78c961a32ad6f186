import { describe, expect, test } from "vitest";
import {
  type DeliveryContext,
  type DeliveryRecord,
  decideDelivery,
  decideOutcome,
  deliveryView,
  newDelivery,
  reopened,
  stillWaits,
} from "../../../src/core/webhook-delivery.ts";

const NOW_MS = Date.UTC(2030, 0, 1);
const LEASE_MS = 40_000;
const at = (more: Partial<DeliveryContext> = {}): DeliveryContext => ({
  nowMs: NOW_MS,
  holder: "me",
  leaseMs: LEASE_MS,
  isGone: () => false,
  again: false,
  ...more,
});
const fresh = newDelivery("msg_x_3_own", { to: "own", event: "job.completed", seq: 3, attempt: 1 });

function begun(record: DeliveryRecord, attempt: number, context = at()): DeliveryRecord {
  const decision = decideDelivery(record, { attempt }, context);
  if (decision.do !== "send") throw new Error(`expected to send, got ${decision.do}`);
  return decision.record;
}
const failed = (record: DeliveryRecord, status = 500) => decideOutcome(record, { status, latencyMs: 1 }, NOW_MS, 0);
/** After so many failures in a row. */
function afterFailures(failures: number): DeliveryRecord {
  let record = fresh;
  for (let n = 1; n <= failures; n++) record = failed(begun(record, n));
  return record;
}

describe("of two workers with the same attempt", () => {
  const held = begun(fresh, 1);

  test("the second waits for the first's lease, and does not send", () => {
    expect(decideDelivery(held, { attempt: 1 }, at({ again: true }))).toEqual({
      do: "wait",
      untilMs: NOW_MS + LEASE_MS,
    });
  });

  test("one that comes when the attempt was made does nothing", () => {
    const done = decideOutcome(held, { status: 200, latencyMs: 1 }, NOW_MS, 0);
    expect(decideDelivery(done, { attempt: 1 }, at())).toEqual({ do: "drop" });
    expect(decideDelivery(done, { attempt: 2 }, at())).toEqual({ do: "drop" });
    expect(decideDelivery(failed(held), { attempt: 1 }, at())).toEqual({ do: "drop" });
  });
});

describe("a sender that ended between the attempt and its record", () => {
  const held = begun(fresh, 1);
  test.each([
    ["whose lease is over", at({ nowMs: NOW_MS + LEASE_MS, again: true })],
    ["that is known to be dead", at({ isGone: () => true, again: true })],
  ])("%s leaves a failed attempt, and the next is made at once", (_, context) => {
    const next = begun(held, 1, context);
    expect(next.attempts).toMatchObject([{ attempt: 1, error: expect.stringContaining("may have it") }]);
    expect(next).toMatchObject({ made: 2, running: { attempt: 2 } });
  });
});

describe("a message that comes again since its worker ended after the record", () => {
  test("sends what follows: the next attempt", () => {
    expect(decideDelivery(afterFailures(2), { attempt: 2 }, at({ again: true }))).toMatchObject({ do: "follow" });
  });
  test("or the dead letter", () => {
    expect(decideDelivery(afterFailures(10), { attempt: 10 }, at({ again: true }))).toMatchObject({ do: "follow" });
  });
  test("but an older one does nothing, so that none multiplies", () => {
    expect(decideDelivery(afterFailures(3), { attempt: 2 }, at({ again: true }))).toEqual({ do: "drop" });
    expect(decideDelivery(afterFailures(3), { attempt: 3 }, at({ again: false }))).toEqual({ do: "drop" });
  });
});

test("ten failures in a row give it up; attempt numbers go on when a person asks for more, the schedule begins anew", () => {
  const given = afterFailures(10);
  expect(given).toMatchObject({ status: "failed", made: 10 });
  const again = failed(begun(given, 11));
  expect(again).toMatchObject({ status: "pending", made: 11, base: 10 });
  expect(Date.parse(again.nextAt ?? "") - NOW_MS).toBe(5_000);
  expect(failed(begun(reopened(given), 11))).toEqual(again);
});

test("410 ends it at the first answer", () => {
  expect(failed(begun(fresh, 1), 410)).toMatchObject({ status: "failed", reason: expect.stringContaining("410") });
});

test("of very many attempts the last stay on record, and their numbers say so", () => {
  let record = fresh;
  for (let n = 1; n <= 50; n++) record = failed(begun(record, n));
  expect(record.attempts.map(({ attempt }) => attempt)).toEqual(Array.from({ length: 30 }, (_, n) => 21 + n));
  expect(record.made).toBe(50);
});

test("its owner sees a running attempt, and nothing of who makes it", () => {
  expect(deliveryView(begun(afterFailures(1), 2))).toEqual({
    id: "msg_x_3_own",
    webhook: "own",
    event: "job.completed",
    seq: 3,
    status: "pending",
    attempts: [
      { attempt: 1, at: "2030-01-01T00:00:00.000Z", status: 500, latencyMs: 1 },
      { attempt: 2, at: "2030-01-01T00:00:00.000Z" },
    ],
  });
});

test("a dead letter waits until its attempt is made or another is asked for", () => {
  expect(stillWaits(afterFailures(10), 11, true)).toBe(true);
  expect(stillWaits(reopened(afterFailures(10)), 11, true)).toBe(false);
  expect(stillWaits(failed(begun(afterFailures(10), 11)), 11, true)).toBe(false);
  expect(stillWaits(undefined, 1, true)).toBe(false);
  // Set aside by its queue.
  expect(stillWaits(undefined, 1, false)).toBe(true);
  expect(stillWaits(afterFailures(1), 2, false)).toBe(true);
  expect(stillWaits(afterFailures(3), 2, false)).toBe(false);
});
