import { setImmediate as turn } from "node:timers/promises";
import { afterEach, expect, test, vi } from "vitest";
import { startTelemetry } from "../../src/telemetry/start-telemetry.ts";
import { inSpan } from "../../src/telemetry/trace.ts";
import { Collector } from "./collector.ts";

const collector = new Collector();
afterEach(() => {
  vi.unstubAllEnvs();
  return collector.close();
});

test("a collector that is deaf holds up an invocation for a second at most", async () => {
  collector.deaf = true;
  vi.stubEnv("OTEL_EXPORTER_OTLP_ENDPOINT", await collector.listen());
  vi.stubEnv("OTEL_TRACES_SAMPLER_ARG", "1");
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
  while (collector.requests === 0 && !isFlushed) await turn();
  expect(isFlushed).toBe(false);
  timers.get(1_000)?.();
  await turn();
  expect(isFlushed).toBe(true);
  await flushed;
});
