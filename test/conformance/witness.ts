import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

/** Somebody on this machine who is told what a call of a capability sees and no log can hold any more. */
export interface Witness extends AsyncDisposable {
  readonly url: string;
  /** What it was told so far. */
  readonly heard: readonly string[];
}

export async function startWitness(): Promise<Witness> {
  const heard: string[] = [];
  const server = createServer(async (request, response) => {
    let text = "";
    for await (const chunk of request.setEncoding("utf8")) text += chunk;
    heard.push(text);
    response.writeHead(204).end();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    heard,
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
}
