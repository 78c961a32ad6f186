import { advanceQueue } from "../../src/contract/messages.ts";
import type { Runtime } from "../../src/core/runtime.ts";
import { type QueueHandler, queueHandler } from "../queue-handler.ts";
import { advanceJob } from "./advance.ts";

/** The worker of one workflow's own queue. */
export function createHandler(runtime: Runtime, workflow: string): QueueHandler {
  return queueHandler(advanceQueue(workflow), ({ detail }) => advanceJob(workflow, detail, runtime), runtime);
}
