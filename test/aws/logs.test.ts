import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { METRIC_NAMES } from "../../src/contract/metrics.ts";
import type { ChatServer } from "../unit/capabilities/chat-server.ts";
import { TENANT } from "./observed-app.ts";
import { MARKERS, observedModel, runObserved } from "./run-observed.ts";

type Line = Readonly<Record<string, unknown>>;
let chat: ChatServer;
let run: Awaited<ReturnType<typeof runObserved>>;
let lines: Line[];
let metrics: Line[];

/** One run for all: a job that succeeds after an overload, one that its model refuses, one that fails, one with a bug. */
beforeAll(async () => {
  chat = await observedModel();
  const query = `What is ${MARKERS.query}, and how are SQS queues encrypted?`;
  run = await runObserved({
    model: chat.model,
    jobs: [
      { workflow: "analysis", input: { query } },
      { workflow: "analysis", input: { query: `${MARKERS.refused} ${query}` } },
      { workflow: "doomed", input: { text: MARKERS.input } },
      { workflow: "broken", input: { text: MARKERS.input }, wait: false },
    ],
  });
  const written = run.output.split("\n").filter((line) => line !== "");
  const parsed = written.map((line) => JSON.parse(line) as Line);
  metrics = parsed.filter((line) => "_aws" in line);
  lines = parsed.filter((line) => !("_aws" in line));
});
afterAll(() => chat[Symbol.asyncDispose]());

describe("the log of a run at DEBUG", () => {
  test("the run had it all: success, refusal, failure and a bug", () => {
    expect(run.jobs.map(({ status }) => status)).toEqual(["completed", "dead-lettered", "failed", "running"]);
    const errors = new Set(lines.map(({ error }) => error));
    expect([...errors]).toEqual(expect.arrayContaining(["ThrottledError", "TerminalError", "Error", "WorkflowError"]));
  });

  test.each(Object.entries(MARKERS))("holds no %s", (_, marker) => {
    expect(run.output).not.toContain(marker);
  });

  test("holds nothing of what was found, and no prompt", () => {
    expect(run.output).not.toContain("SSE-SQS");
    expect(run.output).not.toContain("You answer questions");
    expect(run.output).not.toContain("you said");
  });

  test("says of each failure which job, step, attempt and trace it was", () => {
    const failures = lines.filter(({ message }) => message === "step failed");
    expect(failures.length).toBeGreaterThanOrEqual(4);
    const ids = run.jobs.map(({ id }) => id);
    for (const line of failures) {
      expect(ids).toContain(line.jobId);
      expect(line).toMatchObject({
        stage: "test",
        stepId: expect.any(String),
        capability: expect.any(String),
        attempt: expect.any(Number),
        traceId: expect.stringMatching(/^[0-9a-f]{32}$/),
      });
    }
  });
});

describe("the metrics of a run", () => {
  test("are in the embedded metric format", () => {
    expect(metrics.length).toBeGreaterThan(0);
    for (const line of metrics) {
      const { Timestamp, CloudWatchMetrics } = line._aws as {
        Timestamp: number;
        CloudWatchMetrics: { Namespace: string; Dimensions: string[][]; Metrics: { Name: string; Unit: string }[] }[];
      };
      expect(Math.abs(Timestamp - Date.now())).toBeLessThan(600_000);
      expect(CloudWatchMetrics).toHaveLength(1);
      for (const { Namespace, Dimensions, Metrics } of CloudWatchMetrics) {
        expect(Namespace).toBe("Sluice");
        for (const name of Dimensions.flat()) {
          expect(["stage", "capability", "model", "workflow", "service"]).toContain(name);
          expect(line[name]).toMatch(/^.{1,1024}$/);
        }
        expect(Metrics.length).toBeGreaterThan(0);
        for (const { Name, Unit } of Metrics) {
          expect(METRIC_NAMES).toContain(Name);
          expect(["Count", "Milliseconds", "Bytes"]).toContain(Unit);
          const values = [line[Name]].flat();
          expect(values.length).toBeLessThanOrEqual(100);
          for (const value of values) expect(value).toEqual(expect.any(Number));
        }
        // Nothing else is on the line: what is neither dimension nor figure would be kept with it.
        const known = ["_aws", ...Dimensions.flat(), ...Metrics.map(({ Name }) => Name)];
        expect(Object.keys(line).filter((key) => !known.includes(key))).toEqual([]);
      }
    }
  });

  test("tell no tenant and no job", () => {
    const text = JSON.stringify(metrics);
    expect(text).not.toContain(TENANT);
    expect(text).not.toContain("job_");
  });

  test("count what the run did", () => {
    const sum = (name: string, about: Line = {}): number =>
      metrics
        .filter((line) => Object.entries(about).every(([key, value]) => line[key] === value))
        .flatMap((line) => [line[name] ?? 0].flat() as number[])
        .reduce((total, value) => total + value, 0);
    expect(sum("JobsSubmitted", { workflow: "analysis" })).toBe(2);
    expect(sum("JobsEnded", { workflow: "doomed" })).toBe(1);
    expect(sum("StepsFailed", { capability: "failing" })).toBe(2);
    expect(sum("StepsThrottled", { capability: "completion" })).toBe(1);
    expect(sum("StepsDeadLettered", { capability: "completion" })).toBe(1);
    expect(sum("WorkflowErrors", { workflow: "broken" })).toBeGreaterThan(0);
    // Two answers of the first job.
    expect(sum("InputTokens", { capability: "completion" })).toBe(22);
    expect(sum("OutputTokens", { model: chat.model })).toBe(14);
  });
});
