/**
 * Has the AI SDK make a span of each model call, by the GenAI conventions
 * (opentelemetry.io/docs/specs/semconv/gen-ai). Apart, since only functions that call models have the SDK with them.
 */
export async function traceModels(): Promise<void> {
  const [{ registerTelemetry }, { OpenTelemetry }] = await Promise.all([import("ai"), import("@ai-sdk/otel")]);
  registerTelemetry(new OpenTelemetry());
}
