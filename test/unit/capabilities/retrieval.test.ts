import { describe, expect, it } from "vitest";
import { retrieval } from "../../../src/capabilities/retrieval.ts";
import { emptyCorpus, stepContext } from "./step-context.ts";

describe("retrieval", () => {
  it("returns the passages of the app's corpus, at most as many as asked for", async () => {
    const passage = { title: "T", path: "a.md", score: 2, start: 0, end: 1, text: "x" };
    const asked: unknown[] = [];
    const corpus = {
      ...emptyCorpus,
      search: (...args: unknown[]) => {
        asked.push(args);
        return Object.freeze([passage]);
      },
    };
    const output = await retrieval.run(retrieval.input.parse({ query: "why?" }), stepContext({ corpus }));
    expect(retrieval.output.parse(output)).toEqual({ query: "why?", passages: [passage] });
    expect(asked).toEqual([["why?", 6]]);
  });

  it("answers with no passages where none fits", async () => {
    expect(await retrieval.run({ query: "why?", topK: 6 }, stepContext())).toEqual({ query: "why?", passages: [] });
  });
});
