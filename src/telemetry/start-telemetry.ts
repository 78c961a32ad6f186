/** What stops and starts with a process: nothing, where no collector is named. */
export interface Telemetry {
  /** Waits until what has ended is sent, at most for a moment: a collector that is down must not hold up work. */
  flush(): Promise<void>;
}

const NONE: Telemetry = { flush: async () => {} };
/** The longest that the end of an invocation waits for the collector. */
const FLUSH_MS = 1_000;
/** Of traces that begin here; one that was begun elsewhere is kept or not as it was decided there. */
const DEFAULT_RATIO = 0.05;

/**
 * Registers an SDK that sends spans by OTLP over HTTP, if `OTEL_EXPORTER_OTLP_ENDPOINT` is set. Only then are the
 * packages for it loaded. `OTEL_TRACES_SAMPLER_ARG` is the share of traces that are kept, 0 to 1, by default 0.05
 * (opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables).
 *
 * @param traceModels what lets model calls be traced, where there are any
 */
export async function startTelemetry(
  serviceName: string,
  variables: Readonly<Record<string, string | undefined>>,
  traceModels?: () => Promise<void>,
): Promise<Telemetry> {
  if (!variables.OTEL_EXPORTER_OTLP_ENDPOINT) return NONE;
  const ratio = Number(variables.OTEL_TRACES_SAMPLER_ARG ?? DEFAULT_RATIO);
  if (!(ratio >= 0 && ratio <= 1)) {
    throw new RangeError(
      `OTEL_TRACES_SAMPLER_ARG must be a number from 0 to 1; got ${JSON.stringify(variables.OTEL_TRACES_SAMPLER_ARG)}`,
    );
  }
  const [{ context, trace }, sdk, { AsyncLocalStorageContextManager }, { OTLPTraceExporter }] = await Promise.all([
    import("@opentelemetry/api"),
    import("@opentelemetry/sdk-trace-base"),
    import("@opentelemetry/context-async-hooks"),
    import("@opentelemetry/exporter-trace-otlp-http"),
  ]);
  // The SDK reads the service's name from the environment.
  process.env.OTEL_SERVICE_NAME ??= serviceName;
  const provider = new sdk.BasicTracerProvider({
    sampler: new sdk.ParentBasedSampler({ root: new sdk.TraceIdRatioBasedSampler(ratio) }),
    spanProcessors: [new sdk.BatchSpanProcessor(new OTLPTraceExporter({ timeoutMillis: FLUSH_MS }))],
  });
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  trace.setGlobalTracerProvider(provider);
  await traceModels?.();
  return {
    async flush() {
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, FLUSH_MS);
      });
      await Promise.race([provider.forceFlush().catch(() => {}), late]);
      clearTimeout(timer);
    },
  };
}
