import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { KeySet, Keys } from "../../lambdas/authorizer/keys.ts";
import type { Connection } from "../conformance/target.ts";

/** What stands in for API Gateway and its authorizer before an embedded server: keys are those of a secret. */
export class GatewayFront {
  readonly #server: Server;
  /** Headers that are taken out of every answer. */
  readonly loses = new Set<string>();
  /** How many more requests with a key are refused, as one that does not count yet. */
  refusals = 0;

  constructor(behind: Connection, secret: () => string) {
    this.#server = createServer(async (request, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      const { authorization, host: _, connection: __, "transfer-encoding": ___, ...headers } = request.headers;
      const tenant = new Keys(KeySet.parse(JSON.parse(secret())).keys).tenantOf(authorization);
      const refused = tenant !== undefined && this.refusals-- > 0;
      const key = tenant?.endsWith("-a") ? behind.key : behind.otherKey;
      const answer = await fetch(new URL(request.url ?? "/", behind.url), {
        method: request.method ?? "GET",
        headers: {
          ...(headers as Record<string, string>),
          ...(tenant && !refused ? { authorization: `Bearer ${key}` } : {}),
        },
        ...(chunks.length > 0 ? { body: Buffer.concat(chunks) } : {}),
      });
      const kept = [...answer.headers].filter(([name]) => !this.loses.has(name) && name !== "connection");
      response.writeHead(answer.status, Object.fromEntries(kept)).end(await answer.text());
    });
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
