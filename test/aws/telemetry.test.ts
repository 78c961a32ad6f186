import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { ChatServer } from "../unit/capabilities/chat-server.ts";
import { attribute, Collector, type ReceivedSpan } from "./collector.ts";
import { MARKERS, observedModel, runObserved } from "./run-observed.ts";

const SDK = [
  "@ai-sdk/otel",
  "@opentelemetry/context-async-hooks",
  "@opentelemetry/exporter-trace-otlp-http",
  "@opentelemetry/sdk-trace-base",
];
let collector: Collector;
let endpoint: string;
let chat: ChatServer;
beforeEach(async () => {
  collector = new Collector();
  endpoint = await collector.listen();
  chat = await observedModel();
});
afterEach(async () => {
  await collector.close();
  await chat[Symbol.asyncDispose]();
});

const query = `What is ${MARKERS.query}, and how are SQS queues encrypted?`;
const ask = { workflow: "analysis", input: { query } };
const traced = () => ({ OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, OTEL_TRACES_SAMPLER_ARG: "1" });

describe("with a collector", () => {
  test("a job is one trace: its submission, below it each attempt of a step, below that the call of its model", async () => {
    const { jobs, packages } = await runObserved({ model: chat.model, jobs: [ask] }, traced());
    expect(jobs).toMatchObject([{ status: "completed" }]);
    expect(packages).toEqual(expect.arrayContaining(SDK));
    const { spans } = collector;
    expect(new Set(spans.map(({ traceId }) => traceId)).size).toBe(1);
    const roots = spans.filter(({ parentSpanId }) => !parentSpanId);
    expect(roots.map(({ name }) => name)).toEqual(["submit"]);
    const isAttempt = (span: ReceivedSpan): boolean => attribute(span, "sluice.step.id") !== undefined;
    const steps = spans.filter(isAttempt);
    expect(new Set(steps.map(({ parentSpanId }) => parentSpanId))).toEqual(new Set([roots[0]?.spanId]));
    expect(steps.map((span) => attribute(span, "sluice.step.id")).sort()).toEqual(
      ["answer", "context", "draft", "draft", "draft/call-0", "draft/call-1"].sort(),
    );
    expect(new Set(steps.map((span) => attribute(span, "sluice.job.id")))).toEqual(new Set([jobs[0]?.id]));
    const byId = new Map(spans.map((span) => [span.spanId, span]));
    const stepAbove = (span: ReceivedSpan | undefined): ReceivedSpan | undefined =>
      span === undefined || isAttempt(span) ? span : stepAbove(byId.get(span.parentSpanId ?? ""));
    const inferences = spans.filter((span) => attribute(span, "gen_ai.operation.name") === "chat");
    expect(inferences.map((span) => attribute(stepAbove(span) as ReceivedSpan, "sluice.step.id")).sort()).toEqual([
      "answer",
      "draft",
      "draft",
    ]);
    for (const span of inferences) expect(attribute(span, "gen_ai.request.model")).toBe("test");
    const answered = inferences.filter(({ status }) => status?.code !== 2);
    for (const span of answered) expect(Number(attribute(span, "gen_ai.usage.input_tokens"))).toBe(11);
  });

  test("no span holds what was asked, answered or quoted by an error", async () => {
    const jobs = [
      ask,
      { workflow: "analysis", input: { query: `${MARKERS.refused} ${query}` } },
      { workflow: "doomed", input: { text: MARKERS.input } },
      { workflow: "broken", input: { text: MARKERS.input }, wait: false },
    ];
    const { jobs: ended } = await runObserved({ model: chat.model, jobs }, traced());
    expect(ended.map(({ status }) => status)).toEqual(["completed", "dead-lettered", "failed", "running"]);
    for (const marker of Object.values(MARKERS)) expect(collector.received).not.toContain(marker);
    // A passage that was found, and what the system prompt says.
    expect(collector.received).not.toContain("SSE-SQS");
    expect(collector.received).not.toContain("You answer questions");
    // Errors leave their class; the AI SDK puts a sentence of its own in the place of a provider's message.
    const failed = collector.spans.filter(({ status }) => status?.code === 2);
    expect(new Set(failed.map((span) => attribute(span, "error.type")))).toContain("TerminalError");
  });

  test("a trace that a caller began is continued, and one that it does not keep is not sent", async () => {
    const traceId = "4bf92f3577b34da6a3ce929d0e0e4736";
    const headers = (flags: string) => ({ traceparent: `00-${traceId}-00f067aa0ba902b7-${flags}` });
    const doomed = { workflow: "doomed", input: { text: "x" } };
    await runObserved({ model: chat.model, jobs: [{ ...doomed, headers: headers("01") }] }, traced());
    const { spans } = collector;
    expect(spans.length).toBeGreaterThan(2);
    expect(new Set(spans.map((span) => span.traceId))).toEqual(new Set([traceId]));
    expect(spans.find(({ name }) => name === "submit")?.parentSpanId).toBe("00f067aa0ba902b7");
    spans.length = 0;
    await runObserved({ model: chat.model, jobs: [{ ...doomed, headers: headers("00") }] }, traced());
    expect(spans).toEqual([]);
  });
});

test("without a collector nothing of the SDK is loaded, and the run is the same", async () => {
  const { jobs, packages } = await runObserved({ model: chat.model, jobs: [ask] });
  expect(jobs).toMatchObject([{ status: "completed" }]);
  expect(packages).toContain("ai");
  expect(packages.filter((name) => SDK.includes(name))).toEqual([]);
});

// How long each waits: flush-telemetry.test.ts.
test.each(["deaf", "gone"])("a collector that is %s keeps no invocation from its end", async (how) => {
  if (how === "gone") await collector.close();
  collector.deaf = true;
  const jobs = Array.from({ length: 2 }, () => ({ workflow: "broken", input: { text: "x" }, wait: false }));
  const { jobs: ended } = await runObserved({ model: chat.model, jobs }, traced());
  expect(ended).toHaveLength(2);
  if (how === "deaf") expect(collector.requests).toBeGreaterThan(0);
});
