import middy from "@middy/core";
import type { Context, ScheduledEvent } from "aws-lambda";
import type { Runtime } from "../../src/core/runtime.ts";
import { flushing } from "../flushing.ts";
import { reconcile } from "./reconciler.ts";

export type ScheduleHandler = (event: ScheduledEvent, context: Context) => Promise<{ readonly jobs: number }>;

/** Runs on a schedule. */
export function createHandler(runtime: Runtime): ScheduleHandler {
  return middy<ScheduledEvent, { readonly jobs: number }>()
    .use(flushing(runtime))
    .handler((_, context) =>
      // The other half of the time is for what the last batch still has to do.
      reconcile(runtime, runtime.clock.now() + context.getRemainingTimeInMillis() / 2),
    );
}
