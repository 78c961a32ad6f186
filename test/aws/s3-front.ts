import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";

/** How the next answers to GET are spoiled. `cut`: the connection ends in the middle. `damage`: a byte is another. */
export type S3Fault = "none" | "down" | "forbidden" | "cut" | "damage";

/** A server between a client and a local S3 that counts requests and spoils answers. */
export class S3Front {
  readonly #server: Server;
  fault: S3Fault = "none";
  /** Statuses of the answers so far. */
  readonly statuses: number[] = [];
  /** Awaited before an answer's body is sent. */
  hold: Promise<void> | undefined;

  constructor(target: string) {
    this.#server = createServer(async (request, response) => {
      const headers = Object.entries(request.headers).filter(([name]) => !["host", "connection"].includes(name));
      const answer = await fetch(target + request.url, { headers: headers as [string, string][] });
      const body = Buffer.from(await answer.arrayBuffer());
      await this.hold;
      const { fault } = this;
      const status = fault === "down" ? 503 : fault === "forbidden" ? 403 : answer.status;
      this.statuses.push(status);
      if (status === 503 || status === 403) return response.writeHead(status).end();
      if (fault === "damage" && body.length > 0) body[body.length - 1] = (body.at(-1) ?? 0) ^ 0xff;
      response.writeHead(status, Object.fromEntries(answer.headers));
      if (fault !== "cut") return response.end(body);
      response.write(body.subarray(0, body.length / 2), () => response.destroy());
      return response;
    });
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}
