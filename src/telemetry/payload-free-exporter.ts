import type { ReadableSpan, SpanExporter } from "@opentelemetry/sdk-trace-base";

type Export = SpanExporter["export"];

/**
 * Hands spans on without what errors say: the AI SDK records a provider's message and its stack, and such a message may
 * quote the prompt. An exception keeps its class.
 */
export class PayloadFreeExporter implements SpanExporter {
  readonly #exporter: SpanExporter;

  constructor(exporter: SpanExporter) {
    this.#exporter = exporter;
  }

  export(spans: ReadableSpan[], done: Parameters<Export>[1]): void {
    this.#exporter.export(spans.map(withoutMessages), done);
  }

  async forceFlush(): Promise<void> {
    await this.#exporter.forceFlush?.();
  }

  shutdown(): Promise<void> {
    return this.#exporter.shutdown();
  }
}

function withoutMessages(span: ReadableSpan): ReadableSpan {
  const events = span.events.map(({ name, time, attributes = {} }) => {
    const type = attributes["exception.type"];
    return { name, time, attributes: type === undefined ? {} : { "exception.type": type } };
  });
  // A span's other parts are getters of its class.
  return Object.create(span, { events: { value: events }, status: { value: { code: span.status.code } } });
}
