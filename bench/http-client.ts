import { Agent, request } from "node:http";

export interface Answer {
  readonly status: number;
  readonly body: string;
  /** From the call to the last byte of the answer. */
  readonly ms: number;
}

/** An HTTP client with at most `connections` kept-alive connections; more calls wait for one. */
export class HttpClient {
  readonly #url: URL;
  readonly #agent: Agent;

  constructor(url: string, connections = Number.POSITIVE_INFINITY) {
    this.#url = new URL(url);
    this.#agent = new Agent({ keepAlive: true, maxSockets: connections, maxFreeSockets: 2_000 });
  }

  get(path: string): Promise<Answer> {
    return this.#call("GET", path, {});
  }

  post(path: string, body: unknown, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
    return this.#call("POST", path, headers, JSON.stringify(body));
  }

  close(): void {
    this.#agent.destroy();
  }

  #call(method: string, path: string, more: Readonly<Record<string, string>>, body?: string): Promise<Answer> {
    const { hostname, port } = this.#url;
    const headers =
      body === undefined
        ? more
        : { ...more, "content-type": "application/json", "content-length": Buffer.byteLength(body) };
    const startedMs = performance.now();
    return new Promise((resolve, reject) => {
      const call = request({ hostname, port, method, path, headers, agent: this.#agent }, (response) => {
        let text = "";
        response.setEncoding("utf8");
        response.on("data", (chunk: string) => {
          text += chunk;
        });
        response.on("end", () =>
          resolve({ status: response.statusCode ?? 0, body: text, ms: performance.now() - startedMs }),
        );
        response.on("error", reject);
      });
      call.on("error", reject);
      call.end(body);
    });
  }
}
