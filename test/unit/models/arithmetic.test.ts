import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { arithmeticIn } from "../../../src/models/arithmetic.ts";
import { cpuMs } from "../cpu-ms.ts";

describe("arithmeticIn", () => {
  it.each([
    ["what is 12*(3+4)?", "12*(3+4)"],
    ["What is 12 * (3 + 4), and how long is a message hidden?", "12 * (3 + 4)"],
    ["how much is 15% of 80", "15 / 100 * 80"],
    ["12.5 × 4", "12.5 * 4"],
    ["Calculate 1,000 / 8.", "1000 / 8"],
    ["what is 10 - 4?", "10 - 4"],
    ["what is 3 plus 4 times 5?", "3 + 4 * 5"],
    ["how much is 100 divided by 7", "100 / 7"],
    ["what is the square root of 16?", "sqrt(16)"],
    ["2 to the power of 8?", "2 ^ 8"],
    ["What is -3 + 5?", "-3 + 5"],
    ["2^10", "2^10"],
  ])("finds the sum in %j", (question, expression) => {
    expect(arithmeticIn(question)).toBe(expression);
  });

  it.each([
    "What is a queue?",
    "What happened on 2026-11-24?",
    "What is 24/7 support?",
    "Is 10.0.0.0/16 a good CIDR block?",
    "What is new in version 1.2.3-4?",
    "Does Python 3.12 run in 5-10 seconds?",
    "Call 555-1234-99",
    "What is c++ 11?",
    "What does (4) say?",
    "See pages 3 - 5 of the guide",
    "Is aws-s3/README.md about ES2022?",
    "what is 3 +?",
    "what is (3 + 4",
    "",
  ])("finds none in %j", (question) => {
    expect(arithmeticIn(question)).toBeUndefined();
  });

  it("finds every sum that it is asked for", () => {
    const number = fc
      .oneof(
        fc.nat(999),
        fc.nat(9_999).map((n) => n / 100),
      )
      .map(String);
    const { sum } = fc.letrec<{ sum: string; term: string }>((tie) => ({
      sum: fc
        .tuple(tie("term"), fc.constantFrom(" + ", " * ", "*", "+", " ^ "), tie("term"))
        .map((parts) => parts.join("")),
      term: fc.oneof(
        { depthSize: "small" },
        number,
        number,
        tie("sum").map((inner) => `(${inner})`),
      ),
    }));
    fc.assert(
      fc.property(sum, (expression) => {
        expect(arithmeticIn(`What is ${expression}?`)).toBe(expression);
      }),
    );
  });

  it("takes any text, in little time", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom(..."0123.()+-*/^ %,ab"), maxLength: 400 }),
        (text) => void arithmeticIn(text),
      ),
    );
    const before = cpuMs();
    for (const text of [
      "1+".repeat(2_000),
      "(".repeat(4_000),
      "1 ".repeat(2_000),
      `${"(".repeat(1_000)}1${")".repeat(1_000)}`,
    ]) {
      arithmeticIn(text);
    }
    expect(cpuMs() - before).toBeLessThan(2_000);
  });
});
