import { setImmediate as turn } from "node:timers/promises";
import { context, trace } from "@opentelemetry/api";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { startTelemetry } from "../../src/telemetry/start-telemetry.ts";
import { inSpan } from "../../src/telemetry/trace.ts";
import { Collector } from "./collector.ts";

let collector: Collector;
beforeEach(() => {
  collector = new Collector();
});
afterEach(async () => {
  trace.disable();
  context.disable();
  vi.unstubAllEnvs();
  await collector.close();
});

test.each(["deaf", "gone"])("a collector that is %s holds up an invocation for a second at most", async (how) => {
  collector.deaf = true;
  vi.stubEnv("OTEL_EXPORTER_OTLP_ENDPOINT", await collector.listen());
  vi.stubEnv("OTEL_TRACES_SAMPLER_ARG", "1");
  if (how === "gone") await collector.close();
  const telemetry = await startTelemetry("test", process.env);
  await inSpan("work", { kind: "server", traceparent: undefined, attributes: {} }, async () => {});
  // Timers of this call go off when the test says so; those of the exporter, later ones, are not among them.
  const idle = setTimeout(() => {});
  const timers = new Map<number, () => void>();
  const setTimer = vi.spyOn(globalThis, "setTimeout").mockImplementation((act, ms = 0) => {
    timers.set(ms, act);
    return idle;
  });
  let isFlushed = false;
  const flushed = telemetry.flush().then(() => {
    isFlushed = true;
  });
  setTimer.mockRestore();
  if (how === "deaf") while (collector.requests === 0 && !isFlushed) await turn();
  expect(isFlushed).toBe(false);
  timers.get(1_000)?.();
  await turn();
  expect(isFlushed).toBe(true);
  await flushed;
});
