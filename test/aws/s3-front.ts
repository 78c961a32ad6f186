import { createServer, type Server } from "node:http";
import { LocalServer } from "../../src/testing/local-aws/local-server.ts";

/** How the next answers to GET are spoiled. `cut`: the connection ends in the middle. `damage`: a byte is another. */
export type S3Fault = "none" | "down" | "forbidden" | "cut" | "damage";

/** A server between a client and a local S3 that counts requests and spoils answers. */
export class S3Front extends LocalServer {
  protected readonly server: Server;
  fault: S3Fault = "none";
  /** Statuses of the answers so far. */
  readonly statuses: number[] = [];
  /** Awaited before an answer's body is sent. */
  hold: Promise<void> | undefined;

  constructor(target: string) {
    super();
    this.server = createServer(async (request, response) => {
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
}
