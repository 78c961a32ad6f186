import { describe, expect, test } from "vitest";
import { wantsEventStream } from "../../../lambdas/events/wants-event-stream.ts";
import { preferredWaitS } from "../../../lambdas/submit/prefer.ts";

describe("Accept", () => {
  test.each([
    "text/event-stream",
    "Text/Event-Stream",
    "text/event-stream; charset=utf-8",
    "application/json, text/event-stream",
    "text/event-stream;q=0.5, */*;q=0.1",
    "text/event-stream, */*",
    "text/html , text/event-stream;q=0.001",
  ])("%s asks for a stream", (accept) => expect(wantsEventStream(accept)).toBe(true));

  test.each([
    "",
    "*/*",
    "text/*",
    "application/json",
    "text/event-stream;q=0",
    "text/event-stream;q=0.4, application/json",
    "text/event-stream;q=0.4, */*",
    "text/event-stream;q=nonsense",
    "text/event-streams",
    ";;,,=",
  ])("%j does not", (accept) => expect(wantsEventStream(accept)).toBe(false));
});

describe("Prefer", () => {
  test.each([
    ["wait=10", 10],
    ["wait=60", 25],
    ["WAIT = 10", 10],
    ['wait="10"', 10],
    ["respond-async, wait=10", 10],
    ["wait=10, wait=20", 10],
    ["handling=lenient; strict, return=minimal, wait=7", 7],
    ['foo="a, wait=3", wait=4', 4],
    ['foo; bar="wait=3", wait=4', 4],
    ["wait=10; much", 10],
    ["return=, wait=5", 5],
    // Read in one go: tried in every way, it would take longer than anybody lives.
    [`a${";    ".repeat(2_000)}@, wait=6`, 6],
    [`a${"; b = c ;".repeat(2_000)}, wait=6`, 6],
    [",,wait=5,", 5],
  ])("%s: the answer waits for %i s", (header, seconds) => expect(preferredWaitS(header)).toBe(seconds));

  test.each([
    undefined,
    "",
    "respond-async",
    "wait",
    "wait=",
    "wait=0",
    "wait=-1",
    "wait=1.5",
    "wait=ten",
    "wait=1 0",
    "waits=10",
    'foo="wait=10"',
    'foo="wait=10',
    "wait=99999999999",
    "=;,",
    '"'.repeat(10_000),
    "a;".repeat(10_000),
  ])("%j: it does not", (header) => expect(preferredWaitS(header)).toBeUndefined());
});
