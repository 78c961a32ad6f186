import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

const END = { seq: 1, type: "job.completed", output: { answer: "done" } };

/** A service that is busy when it is first asked for events, says for how long, and then has the end of a job. */
export class BusyService implements AsyncDisposable {
  readonly #server = createServer((_, response) => {
    this.#askedAtMs.push(performance.now());
    if (this.#askedAtMs.length === 1) response.writeHead(503, { "retry-after": "3" }).end();
    else {
      response.writeHead(200, { "content-type": "text/event-stream", connection: "close" });
      response.end(`event: ${END.type}\nid: ${END.seq}\ndata: ${JSON.stringify(END)}\n\n`);
    }
  });
  readonly #askedAtMs: number[] = [];

  static async start(): Promise<BusyService> {
    const service = new BusyService();
    await once(service.#server.listen(0, "127.0.0.1"), "listening");
    return service;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** How long the reader stayed away; it was asked to for 3,000 ms. */
  get awayMs(): number {
    const [first = Number.NaN, second = Number.NaN] = this.#askedAtMs;
    return second - first;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}
