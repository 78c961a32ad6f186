import fc from "fast-check";
import { expect, test } from "vitest";
import { framed, frameOf } from "../../../lambdas/delivery/event-frame.ts";
import type { JobEvent } from "../../../src/contract/events.ts";
import { MAX_FRAME_BYTES, type ServerMessage } from "../../../src/contract/socket.ts";
import { JOB, TENANT } from "../core/fixtures.ts";

const eventOf = (fields: object): JobEvent =>
  ({ seq: 7, jobId: JOB, tenant: TENANT, time: "2030-01-01T00:00:00.000Z", ...fields }) as JobEvent;
const completed = (fields: object): JobEvent =>
  eventOf({ type: "step.completed", stepId: "s", capability: "echo", attempt: 1, ...fields });
const LONGEST_ID = "x".repeat(64);

const send = (event: JobEvent) => {
  const text = frameOf(LONGEST_ID, framed(event));
  return { bytes: Buffer.byteLength(text), frame: JSON.parse(text) as ServerMessage & { type: "event" } };
};

test("an event that fits is in its frame as when polling", () => {
  const event = completed({ result: { text: "ä".repeat(10_000) }, usage: { inputTokens: 3 } });
  expect(send(event).frame).toEqual({ type: "event", id: LONGEST_ID, event });
});

test("one that does not fit comes without its large members, and says where the whole of it is", () => {
  const usage = { model: "m", inputTokens: 3 };
  const { frame } = send(completed({ result: "x".repeat(40_000), usage }));
  expect(frame.event).toEqual(completed({ usage }));
  expect(frame.ref).toBe(`/v1/jobs/${JOB}/events?after=6&limit=1`);
});

test.each([
  [
    "one member as long as there is just room for, or a little more",
    (n: number) => ({ result: "x".repeat(32_000 + n) }),
  ],
  [
    "many members of middle size",
    (n: number) => ({
      result: "x".repeat(n * 9),
      output: "x".repeat(n * 9),
      text: "x".repeat(n * 9),
      reason: "x".repeat(n * 9),
    }),
  ],
])("a frame is never too large with %s", (_, fields) => {
  for (let n = 0; n <= 1_100; n++) expect(send(completed(fields(n))).bytes).toBeLessThanOrEqual(MAX_FRAME_BYTES);
});

test("every event fits into a frame, whatever is large in it", () => {
  const text = fc.tuple(fc.constantFrom("x", "é", "漢", "😀", '"', "\u0000", "\\"), fc.nat(20_000));
  const value = text.map(([character, length]) => character.repeat(length));
  const fields = fc.record({ result: value, output: value, text: value, reason: value, input: fc.array(value) });
  fc.assert(
    fc.property(fields, (large) => {
      const { bytes, frame } = send(completed(large));
      expect(bytes).toBeLessThanOrEqual(MAX_FRAME_BYTES);
      expect(frame.event).toMatchObject({ seq: 7, type: "step.completed", jobId: JOB, stepId: "s", attempt: 1 });
      expect(frame.ref === undefined).toBe(JSON.stringify(frame.event) === JSON.stringify(completed(large)));
    }),
    { numRuns: 100 },
  );
});
