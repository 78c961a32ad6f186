import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { startEmbedded } from "../src/host/host.ts";
import { lambdaContext } from "../src/host/lambda-context.ts";
import { loadApp } from "../src/host/load-app.ts";
import { loadResources } from "../src/host/load-resources.ts";
import { createLogger } from "../src/host/logger.ts";

/**
 * `npm run invoke -- NAME [EVENT.json]`: calls one handler with an event on the embedded engine, in memory unless
 * `--data` names a directory, and prints what it returns. `{{jobId}}` in an event is a job submitted for it.
 */
const HTTP = [
  "submit",
  "jobs",
  "events",
  "commands",
  "dead-letters",
  "capabilities",
  "openapi",
  "health",
  "webhook-endpoints",
  "tickets",
] as const;
const NAMES = [...HTTP, "worker", "advance", "webhooks", "reconciler"] as const;
type Name = (typeof NAMES)[number];

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    options: { data: { type: "string" }, app: { type: "string", default: "app/sluice.ts" } },
    allowPositionals: true,
  });
  const [name, file = `lambdas/${name}/event.json`, ...rest] = positionals;
  if (!isName(name) || rest.length > 0) {
    throw new Error(
      `Usage: npm run invoke -- NAME [EVENT.json] [--data DIR] [--app FILE]\nNAME is one of ${NAMES.join(", ")}; got ${name}`,
    );
  }
  const app = await loadApp(values.app);
  const logger = createLogger("WARN");
  const embedded = startEmbedded({
    app,
    resources: loadResources(app, { dataDir: values.data }),
    logger,
    dataDir: values.data,
  });
  try {
    const event = await eventFrom(file, embedded);
    const context = lambdaContext(name, "local", 30_000);
    console.log(JSON.stringify(await handlerOf(name, event, embedded)(event as never, context), null, 2));
  } finally {
    await embedded.close();
  }
}

type Embedded = ReturnType<typeof startEmbedded>;

function handlerOf(name: Name, event: unknown, { handlers, consumers, reconcile }: Embedded) {
  if (name === "reconciler") return reconcile;
  if (name !== "worker" && name !== "advance" && name !== "webhooks") return handlers[name];
  const queue = (event as { Records?: { eventSourceARN?: string }[] }).Records?.[0]?.eventSourceARN?.split(":").at(-1);
  const consumer = consumers.find((candidate) => candidate.queue === queue);
  if (consumer === undefined) {
    const known = consumers.map((candidate) => candidate.queue).join(", ");
    throw new Error(`the event's eventSourceARN must end in the name of a queue (${known}); got ${queue}`);
  }
  return consumer.handler;
}

/** The event of a file, with a job to refer to where it asks for one. */
async function eventFrom(file: string, { handlers }: Embedded): Promise<unknown> {
  const text = readFileSync(file, "utf8");
  if (!text.includes("{{jobId}}")) return JSON.parse(text);
  const sample = JSON.parse(readFileSync("lambdas/submit/event.json", "utf8")) as never;
  const submitted = await handlers.submit(sample, lambdaContext("submit", "local", 30_000));
  const { id } = JSON.parse(submitted.body) as { id: string };
  return JSON.parse(text.replaceAll("{{jobId}}", id));
}

const isName = (name: string | undefined): name is Name => (NAMES as readonly (string | undefined)[]).includes(name);

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
});
