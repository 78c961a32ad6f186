import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { RetryPolicy } from "../../client/index.ts";
import type { JobEvent } from "../../client/wire.ts";

export const JOB_ID = "job_aaaaaaaaaaaaaaaaaaaaaaaaaa";

/** Quick enough for a test, in the proportions of the default. */
export const HASTY: Partial<RetryPolicy> = {
  baseDelayMs: 2,
  maxDelayMs: 20,
  connectMs: 300,
  silenceMs: 300,
  pingMs: 100,
  resubscribeMs: 250,
  pollMs: 5,
  maxPollMs: 20,
  requestTimeoutMs: 300,
  climbMs: 60_000,
};

/** A log as long as a test wants, which ends with a terminal event. Its texts have what a stream of bytes can break. */
export function logOf(length: number): JobEvent[] {
  const common = { jobId: JOB_ID, tenant: "default", time: "2026-01-01T00:00:00.000Z" };
  return Array.from({ length }, (_, index) => ({
    ...common,
    seq: index + 1,
    ...(index + 1 === length
      ? { type: "job.completed", output: { done: true } }
      : { type: "value.recorded", valueId: `v${index}`, value: `ä\n\r\n\u2028 data: 🙂 ${"x".repeat(index % 50)}` }),
  })) as JobEvent[];
}

export interface HttpSide extends AsyncDisposable {
  readonly url: string;
  readonly server: Server;
  /** `METHOD path?query` of what was asked for, in order. */
  readonly asked: string[];
}

/** A server on a free port that does what a test wants. */
export async function httpSide(
  respond: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<HttpSide> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    response.on("error", () => {});
    respond(request, response);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    server,
    asked,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Answers as `GET …/events` does when polled. */
export function page(response: ServerResponse, log: readonly JobEvent[], after: number): void {
  const events = log.slice(after);
  json(response, 200, { events, next: events.at(-1)?.seq ?? after, ended: true });
}

export function json(response: ServerResponse, status: number, body: unknown, headers: object = {}): void {
  response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(body));
}

export const problem = (status: number, title: string) => ({ type: "/problems/x", title, status, detail: "no" });

export function afterOf(request: IncomingMessage): number {
  const header = request.headers["last-event-id"];
  return Number(header ?? new URL(request.url ?? "", "http://x").searchParams.get("after") ?? 0);
}

export const wantsStream = (request: IncomingMessage): boolean => request.headers.accept === "text/event-stream";

export const frameOf = (event: JobEvent): string =>
  `id: ${event.seq}\nevent: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`;

export async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

export async function seqsOf(events: AsyncIterable<JobEvent>): Promise<number[]> {
  const seqs: number[] = [];
  for await (const { seq } of events) seqs.push(seq);
  return seqs;
}

export const upTo = (length: number): number[] => Array.from({ length }, (_, index) => index + 1);
