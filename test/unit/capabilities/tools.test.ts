import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { tool } from "../../../src/capabilities/tool.ts";
import type { Json } from "../../../src/contract/json.ts";
import { type Corpus, defineTool } from "../../../src/core/resources.ts";
import { calculator } from "../../../src/tools/calculator.ts";
import { readDocument } from "../../../src/tools/read-document.ts";
import { cpuMs } from "../cpu-ms.ts";
import { emptyCorpus, stepContext } from "./step-context.ts";

const context = (corpus: Corpus = emptyCorpus) => ({ signal: new AbortController().signal, corpus });
const work = async (expression: string) => (await calculator.run({ expression }, context())) as { result: string };

describe("calculator", () => {
  it.each([
    ["12*(3+4)", "84"],
    ["0.1 + 0.2", "0.3"],
    ["15 / 100 * 80", "12"],
    ["2^10", "1024"],
    ["sqrt(16) + max(1, 2)", "6"],
    ["-3 % 2", "1"],
    ["5!", "120"],
    ["1/3", "0.33333333333333"],
    ["round(pi)", "3"],
  ])("works out %s", async (expression, result) => {
    expect(await work(expression)).toEqual({ expression, result });
  });

  it.each(["1/0", "sqrt(-1)", "10^400", "0/0"])("says that %s has no finite real value", async (expression) => {
    await expect(work(expression)).rejects.toThrow(/no finite real number/);
  });

  it.each([
    "import({}, {})",
    'evaluate("1+1")',
    'parse("1")',
    'simplify("x")',
    'derivative("x^2", "x")',
    'createUnit("x")',
    "config({})",
    "a = 3",
    "f(x) = x",
    "1:1000000000",
    "[1, 2, 3]",
    "ones(9999, 9999)",
    '"text"',
    "cos.constructor",
    '"a".constructor("return process")()',
    "{a: 1}",
    "1; 2",
    "x",
    "true",
    "sqrt",
    "2 +",
    "1 kg",
    "",
  ])("refuses %s", async (expression) => {
    await expect(work(expression)).rejects.toThrow();
  });

  it("answers any expression that its schema takes in little time", async () => {
    const parts = fc.constantFrom("9", "^", "!", "(", ")", "*", "170", "exp", "max", ",", " ", "e", "%", "-", "sqrt(");
    await fc.assert(
      fc.asyncProperty(
        fc.array(parts, { maxLength: 60 }).map((all) => all.join("").slice(0, 200)),
        async (expression) => {
          const before = cpuMs();
          await work(expression).catch(() => {});
          expect(cpuMs() - before).toBeLessThan(2_000);
        },
      ),
    );
  });
});

describe("read_document", () => {
  const text = "0123456789".repeat(1_000);
  const corpus: Corpus = {
    search: () => [],
    read: (path, start, length) =>
      path === "a.md"
        ? { title: "A", path, start, length: text.length, text: text.slice(start, start + length) }
        : undefined,
  };

  it("reads a part and says where it ends and whether there is more", async () => {
    const input = readDocument.input.parse({ path: "a.md", start: 9_995, length: 3 });
    expect(await readDocument.run(input, context(corpus))).toMatchObject({
      start: 9_995,
      end: 9_998,
      text: "567",
      more: true,
    });
    expect(await readDocument.run({ ...input, length: 10 }, context(corpus))).toMatchObject({
      end: 10_000,
      more: false,
    });
  });

  it("says which path the corpus does not have", async () => {
    await expect(readDocument.run(readDocument.input.parse({ path: "b.md" }), context(corpus))).rejects.toThrow(
      /no document "b.md"/,
    );
  });

  it("reads a bounded part", () => {
    expect(readDocument.input.safeParse({ path: "a.md", length: 8_001 }).success).toBe(false);
  });
});

describe("the tool capability", () => {
  const toolThat = (run: (input: { n: number }) => unknown) =>
    defineTool({ name: "probe", description: "", input: z.object({ n: z.number() }), run: run as never });
  const call = (run: (input: { n: number }) => unknown, input: Json = { n: 1 }) =>
    tool.run({ id: "1", name: "probe", input }, stepContext({ tools: [toolThat(run)] }));

  it("answers a call with what its tool returned", async () => {
    expect(await call(({ n }) => ({ twice: n * 2, at: new Date(0) }))).toEqual({
      id: "1",
      name: "probe",
      input: { n: 1 },
      output: { twice: 2, at: "1970-01-01T00:00:00.000Z" },
    });
  });

  it("answers null for a tool that returns nothing", async () => {
    expect(await call(() => undefined)).toMatchObject({ output: null });
  });

  it.each([
    [
      "an unknown tool",
      () => tool.run({ id: "1", name: "nope", input: null }, stepContext({ tools: [calculator] })),
      /no tool "nope"; there are: calculator/,
    ],
    ["an input that its schema forbids", () => call(() => 1, { n: "x" }), /not what probe takes: \/input\/n: /],
    [
      "a throw",
      () =>
        call(() => {
          throw new Error("broken");
        }),
      /^broken$/,
    ],
    [
      "a rejection",
      () =>
        call(async () => {
          throw new TypeError("later");
        }),
      /^later$/,
    ],
    ["a function", () => call(() => () => 1), /returned a function, which JSON cannot hold/],
    ["a bigint", () => call(() => 1n), /JSON cannot hold/],
  ])("makes %s an answer to the model", async (_, run, error) => {
    const result = await run();
    expect(result.error).toMatch(error);
    expect(tool.output.parse(result)).not.toHaveProperty("output");
  });

  it("fails a call that was aborted: it says nothing about the tool", async () => {
    const controller = new AbortController();
    const probe = toolThat(() => {
      controller.abort(new Error("shutdown"));
      throw new Error("aborted");
    });
    const context = stepContext({ tools: [probe] }, controller.signal);
    await expect(tool.run({ id: "1", name: "probe", input: { n: 1 } }, context)).rejects.toThrow("shutdown");
  });
});
