import { mkdirSync } from "node:fs";
import type { App } from "../core/define-app.ts";
import { DataError } from "../engines/embedded/errors.ts";
import { startEmbedded } from "./host.ts";
import { loadKeys } from "./keys.ts";
import { loadApp } from "./load-app.ts";
import { loadResources } from "./load-resources.ts";
import { createLogger } from "./logger.ts";
import { type HostOptions, OptionsError, parseOptions, StartError, USAGE } from "./options.ts";

/** `npm start` and `sluice-embedded`: the whole of Sluice in this process. */
async function main(): Promise<void> {
  const options = parseOptions(process.argv.slice(2), process.env);
  if (options === "help") {
    console.log(USAGE);
    return;
  }
  const app = await loadApp(options.app);
  const keys = options.keys === undefined ? undefined : loadKeys(options.keys);
  const logger = createLogger(options.logLevel);
  if (options.dataDir !== undefined) mkdirSync(options.dataDir, { recursive: true });
  const resources = loadResources(app, options);
  const embedded = startEmbedded({
    app,
    resources,
    logger,
    keys,
    cors: options.cors,
    dataDir: options.dataDir,
    synchronous: options.synchronous,
    readers: options.readers,
    webhooksToLoopback: options.webhooksToLoopback,
  });
  let url: string;
  try {
    url = await embedded.listen(options.port, options.host);
  } catch (error) {
    await embedded.close(0);
    throw error;
  }

  let stopping = false;
  const stop = (signal: string): void => {
    if (stopping) process.exit(1);
    stopping = true;
    console.log(`${signal}: finishing what runs; the rest goes on at the next start`);
    embedded.close().then(
      () => process.exit(0),
      (error: unknown) => fail(error),
    );
  };
  process.on("SIGTERM", () => stop("SIGTERM"));
  process.on("SIGINT", () => stop("SIGINT"));
  // Whoever reads that it listens may send a signal at once.
  greet(url, app, resources.model, options);
}

function greet(url: string, app: App, model: string, options: HostOptions): void {
  const [workflow] = [...app.workflows.values()].filter(({ example }) => example !== undefined);
  const kept = options.dataDir === undefined ? "in memory only" : `in ${options.dataDir}`;
  console.log(`Sluice listens on ${url} (model ${model}, data ${kept})`);
  if (workflow === undefined) return;
  const body = JSON.stringify({ workflow: workflow.name, input: workflow.example }).replaceAll("'", "'\\''");
  const key = options.keys === undefined ? "" : " -H 'authorization: Bearer YOUR_KEY'";
  console.log(`Try: curl -s ${url}/v1/jobs -H 'content-type: application/json'${key} -d '${body}'`);
}

/** What a person can mend is said in a sentence; anything else with its stack. 2 is for a wrong command line. */
function fail(error: unknown): never {
  if (error instanceof StartError || error instanceof DataError) console.error(error.message);
  else console.error(error);
  process.exit(error instanceof OptionsError ? 2 : 1);
}

main().catch(fail);
