import { AsyncLocalStorage } from "node:async_hooks";
import type { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import type { AwsClients } from "../../src/engines/aws/aws-clients.ts";
import type { AroundInvocation } from "../../src/testing/local-aws/around-invocation.ts";

const SERVICES: Readonly<Record<string, string>> = {
  DynamoDBClient: "dynamodb",
  SQSClient: "sqs",
  S3Client: "s3",
  EventBridgeClient: "events",
};
/** Middleware is added to all of them in the same way; TypeScript sees that of one only. */
type Client = DynamoDBClient;

interface Invoking {
  readonly function: string;
  logBytes: number;
}

/** Writes down what handlers do that run in this process: each invocation, with what it logs, and each call of AWS. */
export class CallRecorder {
  /** Metrics that were written, each with its dimensions. */
  readonly metricSeries = new Set<string>();
  #lines: object[] = [];
  #running = 0;
  #onIdle: (() => void)[] = [];
  readonly #invoking = new AsyncLocalStorage<Invoking>();

  readonly around: AroundInvocation = async ({ function: name, records, cold }, invoke) => {
    const invoking: Invoking = { function: name, logBytes: 0 };
    const startedMs = performance.now();
    this.#running += 1;
    try {
      return await this.#invoking.run(invoking, invoke);
    } finally {
      this.#lines.push({
        kind: "invocation",
        time: Date.now(),
        function: name,
        durationMs: performance.now() - startedMs,
        records,
        cold,
        logBytes: invoking.logBytes,
      });
      this.#running -= 1;
      if (this.#running === 0) for (const resolve of this.#onIdle.splice(0)) resolve();
    }
  };

  /** Resolves once no handler runs. */
  async idle(): Promise<void> {
    if (this.#running > 0) await new Promise<void>((resolve) => this.#onIdle.push(resolve));
  }

  /** The lines since the last time. */
  take(): object[] {
    const taken = this.#lines;
    this.#lines = [];
    return taken;
  }

  /** Counts what functions log, and keeps it from the terminal. */
  watchLogs(): void {
    const write = process.stdout.write.bind(process.stdout);
    process.stdout.write = ((text: string | Uint8Array, ...rest: never[]) => {
      const invoking = this.#invoking.getStore();
      if (invoking === undefined) return write(text, ...rest);
      invoking.logBytes += Buffer.byteLength(text);
      for (const name of seriesOf(String(text))) this.metricSeries.add(name);
      return true;
    }) as typeof process.stdout.write;
  }

  watchCalls(clients: AwsClients): void {
    for (const client of Object.values(clients) as Client[]) {
      const service = SERVICES[client.constructor.name] ?? client.constructor.name;
      client.middlewareStack.add(
        (next, context) => async (args) => {
          const invoking = this.#invoking.getStore();
          if (invoking === undefined) return next(args);
          const { body: sent = "", path = "" } = args.request as { body?: string | Uint8Array; path?: string };
          const line = {
            kind: "call",
            time: performance.timeOrigin + performance.now(),
            function: invoking.function,
            service,
            action: (context.commandName ?? "").replace(/Command$/, ""),
            resource: service === "s3" ? `arn:aws:s3:::${path.slice(1)}` : service,
            requestBytes: Buffer.from(sent as string).length,
            responseBytes: 0,
            ...(service === "s3" ? {} : { body: JSON.parse(Buffer.from(sent as string).toString()) }),
          };
          this.#lines.push(line);
          try {
            const result = await next(args);
            const { $metadata: _, ...output } = result.output as { $metadata?: unknown };
            if (service !== "s3") line.responseBytes = Buffer.byteLength(JSON.stringify(output, asBase64));
            return result;
          } catch (error) {
            Object.assign(line, { error: (error as Error).name });
            throw error;
          }
        },
        { step: "finalizeRequest", name: "recordCall", priority: "low" },
      );
    }
  }
}

/** Bytes as they are on the wire. */
const asBase64 = (_: string, value: unknown): unknown =>
  value instanceof Uint8Array ? Buffer.from(value).toString("base64") : value;

/** Of a line in the embedded metric format, its metrics; of any other, none. */
function seriesOf(text: string): string[] {
  return text.split("\n").flatMap((line) => {
    if (!line.includes('"CloudWatchMetrics"')) return [];
    const written = JSON.parse(line) as Record<string, unknown> & {
      _aws: { CloudWatchMetrics: { Dimensions: string[][]; Metrics: { Name: string }[] }[] };
    };
    return written._aws.CloudWatchMetrics.flatMap(({ Dimensions, Metrics }) =>
      Dimensions.flatMap((names) =>
        Metrics.map(({ Name }) => `${Name} ${names.map((name) => `${name}=${written[name]}`).join(" ")}`),
      ),
    );
  });
}
