import { createServer, type Server } from "node:http";
import { LocalServer } from "../../src/testing/local-aws/local-server.ts";

export interface ReceivedSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly attributes?: readonly { readonly key: string; readonly value: unknown }[];
  readonly events?: readonly { readonly name: string }[];
  readonly status?: { readonly code?: number; readonly message?: string };
}

interface Traces {
  readonly resourceSpans: readonly { readonly scopeSpans: readonly { readonly spans: readonly ReceivedSpan[] }[] }[];
}

/** A collector that takes OTLP over HTTP as JSON, or, told to be deaf, takes connections and never answers. */
export class Collector extends LocalServer {
  protected readonly server: Server;
  readonly spans: ReceivedSpan[] = [];
  /** All that came, as it came. */
  received = "";
  requests = 0;
  deaf = false;

  constructor() {
    super();
    this.server = createServer(async (request, response) => {
      this.requests += 1;
      if (this.deaf) return;
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      const text = Buffer.concat(chunks).toString();
      this.received += text;
      const { resourceSpans } = JSON.parse(text) as Traces;
      for (const { scopeSpans } of resourceSpans) for (const { spans } of scopeSpans) this.spans.push(...spans);
      response.setHeader("content-type", "application/json").end("{}");
    });
  }
}

export const attribute = ({ attributes = [] }: ReceivedSpan, key: string): unknown =>
  Object.values((attributes.find((each) => each.key === key)?.value as object) ?? {})[0];
