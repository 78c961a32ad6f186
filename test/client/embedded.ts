import type { App } from "../../src/core/define-app.ts";
import { type Embedded, startEmbedded } from "../../src/host/host.ts";
import { loadResources } from "../../src/host/load-resources.ts";
import { createLogger } from "../../src/host/logger.ts";
import faultyApp from "../system/faulty-app.ts";

export interface Served extends AsyncDisposable {
  readonly url: string;
  readonly embedded: Embedded;
}

/** The real server in this process, in memory, on a free port. */
export async function serve(app: App = faultyApp): Promise<Served> {
  const resources = loadResources(app, { dataDir: undefined });
  const embedded = startEmbedded({ app, resources, logger: createLogger("ERROR"), dataDir: undefined });
  const url = await embedded.listen(0, "127.0.0.1");
  return { url, embedded, [Symbol.asyncDispose]: async () => void (await embedded.close(0)) };
}
