import { describe, expect, test } from "vitest";
import {
  afterAnswer,
  afterFailure,
  afterNoCall,
  type Caller,
  type Circuit,
  CLEAN,
  circuitOf,
  decidePass,
  FAILURES_TO_OPEN,
  isClean,
  MAX_OPEN_MS,
  OPEN_MS,
  SLOW_START_MS,
} from "../../../src/core/circuit.ts";

const T0 = Date.UTC(2030, 0, 1);
const caller = (fields: Partial<Caller> = {}): Caller => ({
  id: "call",
  probeMs: 60_000,
  nowMs: T0,
  random: 0.5,
  ...fields,
});
const failed = (circuit: Circuit, nowMs = T0, fields: { id?: string; retryAfterMs?: number } = {}): Circuit =>
  afterFailure(circuit, { id: "call", nowMs, ...fields }) ?? circuit;
const answered = (circuit: Circuit, nowMs = T0, id = "call"): Circuit => afterAnswer(circuit, { id, nowMs }) ?? circuit;

/** So many failures in a row. */
const failedTimes = (failures: number, nowMs = T0): Circuit =>
  Array.from({ length: failures }).reduce<Circuit>((circuit) => failed(circuit, nowMs), CLEAN);
const open = failedTimes(FAILURES_TO_OPEN);
function probing(circuit: Circuit, nowMs: number, id = "probe"): Circuit {
  const decision = decidePass(circuit, caller({ id, nowMs }));
  if (decision.kind !== "probe") throw new Error(`expected a probe, got ${JSON.stringify(decision)}`);
  return decision.next;
}

describe("a closed circuit", () => {
  test("lets every call pass and is not changed by answers", () => {
    expect(decidePass(CLEAN, caller({ random: 0.999 }))).toEqual({ kind: "pass" });
    expect(afterAnswer(CLEAN, { id: "call", nowMs: T0 })).toBeUndefined();
    expect(isClean(CLEAN, T0)).toBe(true);
  });

  test("opens after the fifth failure in a row, not before", () => {
    expect(decidePass(failedTimes(FAILURES_TO_OPEN - 1), caller())).toEqual({ kind: "pass" });
    expect(isClean(failedTimes(1), T0)).toBe(false);
    expect(open).toMatchObject({ state: "open", failures: 5, untilMs: T0 + OPEN_MS });
  });

  test("counts anew after an answer", () => {
    const circuit = answered(failedTimes(FAILURES_TO_OPEN - 1));
    expect(circuit).toEqual(CLEAN);
    expect(failed(circuit).state).toBe("closed");
  });

  test("opens at once for as long as the provider asks", () => {
    expect(failed(CLEAN, T0, { retryAfterMs: 2_000 })).toMatchObject({ state: "open", untilMs: T0 + 2_000 });
    expect(failed(failedTimes(4), T0, { retryAfterMs: 2_000 })).toMatchObject({ untilMs: T0 + OPEN_MS });
    expect(failed(failedTimes(4), T0, { retryAfterMs: 60_000 })).toMatchObject({ untilMs: T0 + 60_000 });
  });

  test.each([0, -1, Number.NaN])("does not open for a Retry-After of %d", (retryAfterMs) => {
    expect(failed(CLEAN, T0, { retryAfterMs })).toEqual({ state: "closed", failures: 1 });
  });

  test("is open for a day at most, whatever a provider asks", () => {
    const year = 365 * 86_400_000;
    expect(failed(CLEAN, T0, { retryAfterMs: year })).toMatchObject({ untilMs: T0 + 86_400_000 });
  });
});

describe("an open circuit", () => {
  test("lets nobody pass before its time, and tells when that is", () => {
    const decision = decidePass(open, caller({ nowMs: T0 + OPEN_MS - 1 }));
    expect(decision).toEqual({ kind: "wait", fromMs: T0 + OPEN_MS, spreadMs: expect.any(Number) });
  });

  test("is left as it is by what comes of calls from before", () => {
    expect(afterFailure(open, { id: "old", nowMs: T0 + 1 })).toBeUndefined();
    expect(afterFailure(open, { id: "old", nowMs: T0 + 2 * OPEN_MS })).toBeUndefined();
    expect(afterAnswer(open, { id: "old", nowMs: T0 + 1 })).toBeUndefined();
  });

  test("stays open longer where the provider asks for it", () => {
    expect(failed(open, T0 + 1, { retryAfterMs: 60_000 })).toMatchObject({ state: "open", untilMs: T0 + 60_001 });
    expect(afterFailure(open, { id: "old", nowMs: T0 + 1, retryAfterMs: 1_000 })).toBeUndefined();
  });

  test("is open twice as long with each probe that fails, 5 minutes at most", () => {
    let [circuit, nowMs] = [open, T0];
    const opened: number[] = [];
    for (let n = 0; n < 8; n++) {
      if (circuit.state !== "open") throw new Error(`it is ${circuit.state}`);
      opened.push(circuit.untilMs - nowMs);
      nowMs = circuit.untilMs;
      circuit = failed(probing(circuit, nowMs), nowMs, { id: "probe" });
    }
    expect(opened).toEqual([10_000, 20_000, 40_000, 80_000, 160_000, MAX_OPEN_MS, MAX_OPEN_MS, MAX_OPEN_MS]);
  });
});

describe("a half-open circuit", () => {
  const at = T0 + OPEN_MS;
  const halfOpen = probing(open, at);

  test("lets the probe pass, also where it asks twice, and nobody else", () => {
    expect(halfOpen).toMatchObject({ state: "half-open", probe: { id: "probe", untilMs: at + 60_000 } });
    expect(decidePass(halfOpen, caller({ id: "probe", nowMs: at }))).toEqual({ kind: "pass" });
    expect(decidePass(halfOpen, caller({ nowMs: at }))).toMatchObject({ kind: "wait", fromMs: at });
  });

  test("lets another probe when the first does not come back in its time", () => {
    expect(decidePass(halfOpen, caller({ nowMs: at + 59_999 })).kind).toBe("wait");
    const second = probing(halfOpen, at + 60_000, "second");
    expect(second).toMatchObject({ state: "half-open", probe: { id: "second", untilMs: at + 120_000 } });
    // The first was not dead after all: it has nothing to say any more.
    expect(afterAnswer(second, { id: "probe", nowMs: at + 60_001 })).toBeUndefined();
    expect(afterFailure(second, { id: "probe", nowMs: at + 60_001 })).toBeUndefined();
  });

  test("takes no notice of calls that are not the probe", () => {
    expect(afterAnswer(halfOpen, { id: "old", nowMs: at })).toBeUndefined();
    expect(afterFailure(halfOpen, { id: "old", nowMs: at })).toBeUndefined();
    expect(afterNoCall(halfOpen, { id: "old", nowMs: at })).toBeUndefined();
  });

  test("lets the next call probe when the probe was given up without a call, and is not open longer for it", () => {
    const given = afterNoCall(halfOpen, { id: "probe", nowMs: at + 5 }) ?? halfOpen;
    expect(given.state).toBe("open");
    const next = probing(given, at + 5, "next");
    expect(failed(next, at + 5, { id: "next" })).toMatchObject({ state: "open", untilMs: at + 5 + 2 * OPEN_MS });
  });
});

describe("a circuit that has closed again", () => {
  const at = T0 + OPEN_MS;
  const closed = answered(probing(open, at), at, "probe");
  const passes = (nowMs: number): number =>
    Array.from({ length: 100 }, (_, n) => decidePass(closed, caller({ nowMs, random: n / 100 }))).filter(
      ({ kind }) => kind === "pass",
    ).length;

  test("lets a share pass that grows from a tenth to all", () => {
    expect(closed.state).toBe("closed");
    expect(isClean(closed, at)).toBe(false);
    expect([0, 0.2, 0.5, 0.9, 1].map((part) => passes(at + part * SLOW_START_MS))).toEqual([10, 20, 50, 90, 100]);
    expect(isClean(closed, at + SLOW_START_MS)).toBe(true);
  });

  test("spreads those who must wait over what is left of the slow start", () => {
    expect(decidePass(closed, caller({ nowMs: at + 10_000, random: 0.99 }))).toEqual({
      kind: "wait",
      fromMs: at + 10_000,
      spreadMs: SLOW_START_MS - 10_000,
    });
  });

  test("starts no slower than it was open for long", () => {
    const short = failed(CLEAN, T0, { retryAfterMs: 1_000 });
    const again = answered(probing(short, T0 + 1_000), T0 + 1_000, "probe");
    expect(isClean(again, T0 + 3_999)).toBe(false);
    expect(isClean(again, T0 + 4_000)).toBe(true);
  });

  test("is open twice as long when it fails at once again, and not when that was long ago", () => {
    const fail = (nowMs: number): Circuit =>
      Array.from({ length: FAILURES_TO_OPEN }).reduce<Circuit>((circuit) => failed(circuit, nowMs), closed);
    expect(fail(at + 1_000)).toMatchObject({ state: "open", untilMs: at + 1_000 + 2 * OPEN_MS });
    expect(fail(at + SLOW_START_MS)).toMatchObject({ state: "open", untilMs: at + SLOW_START_MS + OPEN_MS });
  });
});

test("a provider that mostly answers is not shut out for longer and longer by requests to wait that a bad probe follows", () => {
  let [circuit, nowMs]: [Circuit, number] = [CLEAN, T0];
  const opened: number[] = [];
  const probe = (fails: boolean): void => {
    if (circuit.state !== "open") throw new Error(`it is ${circuit.state}`);
    nowMs = circuit.untilMs;
    const halfOpen = probing(circuit, nowMs);
    circuit = fails ? failed(halfOpen, nowMs, { id: "probe" }) : answered(halfOpen, nowMs, "probe");
    if (circuit.state === "open") opened.push(circuit.untilMs - nowMs);
  };
  for (let n = 0; n < 4; n++) {
    circuit = failed(circuit, nowMs, { retryAfterMs: 1_000 });
    probe(true);
    probe(false);
    nowMs += 5_000;
  }
  expect(opened).toEqual([OPEN_MS, OPEN_MS, OPEN_MS, OPEN_MS]);
});

describe("a stored circuit", () => {
  test.each([CLEAN, open, probing(open, T0 + OPEN_MS), answered(probing(open, T0 + OPEN_MS), T0, "probe")])(
    "is read as it was written: %j",
    (circuit) => expect(circuitOf(JSON.stringify(circuit))).toEqual(circuit),
  );

  test.each(["", "null", "{}", '{"state":"ajar"}', '{"state":"open","failures":"5"}'])(
    "that nobody can read counts as clean: %s",
    (record) => expect(circuitOf(record)).toEqual(CLEAN),
  );
});
