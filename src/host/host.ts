import type { AddressInfo } from "node:net";
import type { ScheduledEvent } from "aws-lambda";
import { z } from "zod";
import { createHandler as createAdvance } from "../../lambdas/advance/create-handler.ts";
import type { Keys } from "../../lambdas/authorizer/keys.ts";
import { createHandler as createCapabilities } from "../../lambdas/capabilities/create-handler.ts";
import { createHandler as createCommands } from "../../lambdas/commands/create-handler.ts";
import { createHandler as createDeadLetters } from "../../lambdas/dead-letters/create-handler.ts";
import { errorKeys } from "../../lambdas/error-keys.ts";
import { createHandler as createEvents } from "../../lambdas/events/create-handler.ts";
import { createHandler as createHealth } from "../../lambdas/health/create-handler.ts";
import { createHandler as createJobs } from "../../lambdas/jobs/create-handler.ts";
import { createHandler as createOpenApi } from "../../lambdas/openapi/create-handler.ts";
import { createHandler as createReconciler, type ScheduleHandler } from "../../lambdas/reconciler/create-handler.ts";
import { createHandler as createSubmit } from "../../lambdas/submit/create-handler.ts";
import { createHandler as createTickets } from "../../lambdas/tickets/create-handler.ts";
import { createHandler as createWebhookEndpoints } from "../../lambdas/webhook-endpoints/create-handler.ts";
import { createHandler as createWebhooks } from "../../lambdas/webhooks/create-handler.ts";
import { createHandler as createWorker } from "../../lambdas/worker/create-handler.ts";
import { type Cors, CorsSettings } from "../contract/cors.ts";
import { advanceQueue, WEBHOOKS } from "../contract/messages.ts";
import type { App } from "../core/define-app.ts";
import type { Clock, Tickets } from "../core/ports.ts";
import type { Resources } from "../core/resources.ts";
import { createRuntime, type Logger, type Readers, type Runtime } from "../core/runtime.ts";
import type { Synchronous } from "../engines/embedded/database.ts";
import { openEmbeddedEngine } from "../engines/embedded/embedded-engine.ts";
import { Callers } from "./callers.ts";
import { type Consumer, Dispatcher } from "./dispatcher.ts";
import { type HttpFront, httpServer } from "./http-server.ts";
import { lambdaContext } from "./lambda-context.ts";
import { Live } from "./live.ts";
import { DEFAULT_READERS, StartError } from "./options.ts";
import { SOCKET_PATH } from "./socket-server.ts";

export interface EmbeddedOptions {
  readonly app: App;
  readonly resources: Resources;
  readonly logger: Logger;
  /** The data directory; undefined keeps everything in memory. */
  readonly dataDir: string | undefined;
  readonly synchronous?: Synchronous;
  readonly clock?: Clock;
  readonly keys?: Keys | undefined;
  /** Web pages of which origins may call, and open a WebSocket; "*" only with keys. @default of none but its own */
  readonly cors?: CorsSettings | undefined;
  /** @default {@link DEFAULT_READERS} */
  readonly readers?: Readers;
  /** Webhooks may go to this machine, and there without TLS: for development. @default false */
  readonly webhooksToLoopback?: boolean;
}

/** The engine, the handlers and the dispatcher in one process. `listen` adds the HTTP API. */
export interface Embedded {
  readonly runtime: Runtime;
  /** Everything that an HTTP route or a test can call. */
  readonly handlers: ReturnType<typeof httpHandlers>;
  readonly consumers: readonly Consumer[];
  readonly reconcile: ScheduleHandler;
  /** Nothing is being worked on or written. Work that waits for a time does not count. */
  isIdle(): boolean;
  /** Transactions of the data file so far, for measurements. */
  transactions(): number;
  /** Opens the HTTP API. Rejects with `StartError` when the port is taken. Resolves with the URL. */
  listen(port: number, host: string): Promise<string>;
  /** Takes no more work, lets what runs finish for up to `graceMs`, closes the files. Resolves with the batches cut off. */
  close(graceMs?: number): Promise<number>;
}

const RECONCILE_PERIOD_MS = 5_000;
const DEFAULT_GRACE_MS = 10_000;
const ADVANCE_CONCURRENCY = 20;
/** They wait for receivers, of which some may hang. */
const WEBHOOK_CONCURRENCY = 50;

/** Starts working on whatever the data directory holds. Throws `DataError` when it cannot be used, `StartError` for `cors`. */
export function startEmbedded(options: EmbeddedOptions): Embedded {
  const { app, resources, logger } = options;
  const cors = corsOf(options);
  let dispatcher: Dispatcher | undefined;
  const onError = (error: unknown): void => logger.error("write failed", errorKeys(error));
  const onReady = (queue: string): void => dispatcher?.wake(queue);
  const engine = openEmbeddedEngine({ ...options, onReady, onError });
  dispatcher = new Dispatcher(engine.queue, logger);
  const runtime = createRuntime(engine, {
    app,
    resources,
    logger,
    localWorkers: dispatcher,
    readers: options.readers ?? DEFAULT_READERS,
    webhooksToLoopback: options.webhooksToLoopback ?? false,
  });
  const handlers = httpHandlers(runtime, engine.tickets);
  const consumers = consumersOf(app, runtime);
  dispatcher.start(consumers);
  const reconcile = createReconciler(runtime);
  const stopReconciling = reconcilePeriodically(reconcile, runtime);
  const callers = new Callers({ ...runtime, tickets: engine.tickets, keys: options.keys, cors });
  const live = new Live(runtime, engine.changes, callers);
  let front: HttpFront | undefined;
  return {
    runtime,
    handlers,
    consumers,
    reconcile,
    isIdle: () => dispatcher.isIdle && engine.group.isIdle,
    transactions: () => engine.group.commits,
    async listen(port, host) {
      front = httpServer({ handlers, callers, cors, logger, clock: runtime.clock });
      live.attach(front.server);
      return listen(front, port, host);
    },
    async close(graceMs = DEFAULT_GRACE_MS) {
      stopReconciling();
      live.close();
      const ended = front?.end();
      const cutOff = await dispatcher.stop(graceMs);
      await ended;
      await front?.close();
      await engine.close();
      return cutOff;
    },
  };
}

/** Throws {@link StartError} for what is no setting, and for one that would let every page into a server without keys. */
function corsOf({ cors, keys }: EmbeddedOptions): Cors | undefined {
  const parsed = CorsSettings.optional().safeParse(cors);
  if (!parsed.success) throw new StartError(`cors: ${z.prettifyError(parsed.error)}; got ${JSON.stringify(cors)}`);
  if (keys === undefined && parsed.data?.origins.includes("*")) {
    throw new StartError(
      "--cors '*' would let every web page use this server, which needs no key: give --keys FILE too, or list origins",
    );
  }
  return parsed.data;
}

function httpHandlers(runtime: Runtime, tickets: Tickets) {
  return {
    submit: createSubmit(runtime),
    jobs: createJobs(runtime),
    events: createEvents({ ...runtime, places: { limits: runtime.limits, most: runtime.readers.streams } }),
    commands: createCommands(runtime),
    "dead-letters": createDeadLetters(runtime),
    capabilities: createCapabilities(runtime),
    openapi: createOpenApi(runtime),
    health: createHealth(runtime),
    "webhook-endpoints": createWebhookEndpoints(runtime),
    tickets: createTickets({ ...runtime, tickets, socket: SOCKET_PATH }),
  } as const;
}

function consumersOf(app: App, runtime: Runtime): Consumer[] {
  const workers = [...app.capabilities.values()].map(({ name, concurrency, batchSize, timeoutMs }) => ({
    queue: name,
    handler: createWorker(runtime, name),
    concurrency,
    batchSize,
    visibilityMs: timeoutMs + 30_000,
  }));
  const advances = [...app.workflows.keys()].map((name) => ({
    queue: advanceQueue(name),
    handler: createAdvance(runtime, name),
    concurrency: ADVANCE_CONCURRENCY,
    batchSize: 10,
    visibilityMs: 60_000,
  }));
  const webhooks = {
    queue: WEBHOOKS,
    handler: createWebhooks({ ...runtime, random: () => runtime.ids.random() }),
    concurrency: WEBHOOK_CONCURRENCY,
    batchSize: 1,
    visibilityMs: 60_000,
  };
  return [...workers, ...advances, webhooks];
}

function reconcilePeriodically(handler: ScheduleHandler, runtime: Runtime): () => void {
  let cancel = (): void => {};
  let stopped = false;
  const schedule = (): void => {
    if (stopped) return;
    cancel = runtime.clock.setTimer(RECONCILE_PERIOD_MS, () => {
      handler({} as ScheduledEvent, lambdaContext("reconciler", "reconcile", RECONCILE_PERIOD_MS))
        .catch((error: unknown) => runtime.logger.error("reconciler failed", errorKeys(error)))
        .finally(schedule);
    });
  };
  schedule();
  return () => {
    stopped = true;
    cancel();
  };
}

function listen({ server }: HttpFront, port: number, host: string): Promise<string> {
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      const reason =
        error.code === "EADDRINUSE" ? "it is taken by another process; give another one with --port" : error.message;
      reject(new StartError(`cannot listen on ${host} port ${port}: ${reason}`));
    });
    server.listen(port, host, () => {
      const { port: actual, address, family } = server.address() as AddressInfo;
      resolve(`http://${family === "IPv6" ? `[${address}]` : address}:${actual}`);
    });
  });
}
