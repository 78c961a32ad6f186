import { expect } from "vitest";
import { test } from "./suite.ts";

interface Answer {
  readonly answer: string;
  readonly sources: readonly { readonly marker: string; readonly path: string }[];
  readonly toolCalls: readonly { readonly name: string; readonly output?: unknown }[];
}

test("the shipped analysis answers from the documents, cites them, and calculates", async ({ api }) => {
  const query = "How are SQS queues encrypted by default, and what is 12 * (3 + 4)?";
  const job = await api.run("analysis", { query });
  expect(job.status).toBe("completed");
  const { answer, sources, toolCalls } = job.result as unknown as Answer;
  expect(answer).toContain("84");
  expect(answer).toMatch(/\[\d\]/);
  expect(sources.length).toBeGreaterThan(0);
  for (const { marker, path } of sources) {
    expect(answer).toContain(marker);
    expect(path).not.toBe("");
  }
  expect(toolCalls).toMatchObject([{ name: "calculator", output: { result: "84" } }]);
  expect(job.steps.map(({ capability }) => capability)).toEqual(["retrieval", "completion", "tool", "completion"]);
});
