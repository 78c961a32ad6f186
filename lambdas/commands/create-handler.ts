import { routes } from "../../src/contract/routes.ts";
import type { Runtime } from "../../src/core/runtime.ts";
import { type HttpHandler, httpHandler } from "../http-handler.ts";
import { linkedFrom } from "../jobs/jobs.ts";
import { accepted, unquoted } from "../submit/accepted.ts";
import { withPolicy } from "../submit/rate-limit-headers.ts";
import { cancelJob, discardDeadLetters, forkJob, redeliverJob, redriveJob, signalJob } from "./commands.ts";

/** Serves what people ask of a job after it was submitted. */
export function createHandler(runtime: Runtime): HttpHandler {
  const cancel = httpHandler(
    routes.cancel,
    async ({ tenant, parameters, body, basePath }) => ({
      body: linkedFrom(basePath, await cancelJob({ tenant, ...parameters }, body.reason, runtime)),
    }),
    runtime,
  );
  const signal = httpHandler(
    routes.signal,
    async ({ tenant, parameters: { jobId, name }, body, basePath }) => ({
      body: linkedFrom(basePath, await signalJob({ tenant, jobId }, name, body, runtime)),
    }),
    runtime,
  );
  const redrive = httpHandler(
    routes.redrive,
    async ({ tenant, parameters, body, basePath }) => ({
      body: linkedFrom(basePath, await redriveJob({ tenant, ...parameters }, body, runtime)),
    }),
    runtime,
  );
  const discard = httpHandler(
    routes.discard,
    async ({ tenant, parameters, body, basePath }) => ({
      body: linkedFrom(basePath, await discardDeadLetters({ tenant, ...parameters }, body, runtime)),
    }),
    runtime,
  );
  const redeliver = httpHandler(
    routes.redeliver,
    async ({ tenant, parameters }) => ({
      body: { announced: await redeliverJob({ tenant, ...parameters }, runtime) },
    }),
    runtime,
  );
  const fork = httpHandler(
    routes.fork,
    async ({ tenant, parameters, body, headers, basePath, traceparent }) => {
      const context = { idempotencyKey: unquoted(headers["Idempotency-Key"]), traceparent };
      return accepted(await forkJob({ tenant, ...parameters }, body, context, runtime), basePath);
    },
    runtime,
  );
  const handlers: ReadonlyMap<string, HttpHandler> = new Map([
    [routes.cancel.path, cancel],
    [routes.signal.path, signal],
    [routes.redrive.path, redrive],
    [routes.discard.path, discard],
    [routes.redeliver.path, redeliver],
    [routes.fork.path, withPolicy(fork, runtime.app)],
  ]);
  return (event, context) => {
    const handler = handlers.get(event.resource);
    if (handler === undefined) throw new Error(`there is no command at ${event.resource}`);
    return handler(event, context);
  };
}
