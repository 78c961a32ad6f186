import { type Attributes, context, type Span, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";

/**
 * Traces by OpenTelemetry's API, which does nothing until `startTelemetry` has registered an SDK. A job is one trace:
 * the context of its submission travels in our own envelope (w3.org/TR/trace-context) and is the parent of every hop.
 */
const tracer = () => trace.getTracer("sluice");

export interface SpanOptions {
  readonly kind: "server" | "consumer";
  /** W3C Trace Context of the hop before, if it has one. */
  readonly traceparent: string | undefined;
  /** Ids, sizes and names; never a payload. */
  readonly attributes: Attributes;
}

const KINDS = { server: SpanKind.SERVER, consumer: SpanKind.CONSUMER } as const;

/** Runs `body` in a span of its own; the span ends when it does, as an error if it rejects. */
export function inSpan<T>(
  name: string,
  { kind, traceparent, attributes }: SpanOptions,
  body: (span: Span) => Promise<T>,
): Promise<T> {
  const parent = contextOf(traceparent);
  return tracer().startActiveSpan(name, { kind: KINDS[kind], attributes }, parent, async (span) => {
    try {
      return await body(span);
    } catch (error) {
      failSpan(span, (error as Error).name);
      throw error;
    } finally {
      span.end();
    }
  });
}

/** Marks a span as failed, by the error's class alone: a message may quote a payload. */
export function failSpan(span: Span, errorName: string): void {
  span.setAttribute("error.type", errorName);
  span.setStatus({ code: SpanStatusCode.ERROR });
}

/** The traceparent of a span, or undefined where no SDK makes real ones. */
export function traceparentOf(span: Span): string | undefined {
  const { traceId, spanId, traceFlags } = span.spanContext();
  if (!trace.isSpanContextValid(span.spanContext())) return undefined;
  return `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, "0")}`;
}

/** For log lines: the trace that a job belongs to. */
export const traceIdOf = (traceparent: string | undefined): string | undefined => traceparent?.split("-")[1];

function contextOf(traceparent: string | undefined) {
  const [, traceId, spanId, flags] = traceparent?.split("-") ?? [];
  if (traceId === undefined || spanId === undefined || flags === undefined) return context.active();
  const spanContext = { traceId, spanId, traceFlags: Number.parseInt(flags, 16), isRemote: true };
  return trace.isSpanContextValid(spanContext) ? trace.setSpanContext(context.active(), spanContext) : context.active();
}
