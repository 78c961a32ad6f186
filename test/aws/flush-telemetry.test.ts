import { setImmediate as turn } from "node:timers/promises";
import { afterEach, expect, test, vi } from "vitest";
import { startTelemetry } from "../../src/telemetry/start-telemetry.ts";
import { inSpan } from "../../src/telemetry/trace.ts";
import { Collector } from "./collector.ts";

const collector = new Collector();
afterEach(() => {
  vi.useRealTimers();
  return collector.close();
});

test("a collector that is deaf holds up an invocation for a second at most", async () => {
  collector.deaf = true;
  const variables = { OTEL_EXPORTER_OTLP_ENDPOINT: await collector.listen(), OTEL_TRACES_SAMPLER_ARG: "1" };
  const telemetry = await startTelemetry("test", variables);
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  await inSpan("work", { kind: "server", traceparent: undefined, attributes: {} }, async () => {});
  let isFlushed = false;
  void telemetry.flush().then(() => {
    isFlushed = true;
  });
  await vi.advanceTimersByTimeAsync(999);
  await turn();
  expect(isFlushed).toBe(false);
  await vi.advanceTimersByTimeAsync(1);
  await turn();
  expect(isFlushed).toBe(true);
});
