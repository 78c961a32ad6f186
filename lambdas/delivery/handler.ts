import { randomUUID } from "node:crypto";
import { parseEnvironment } from "../../src/engines/aws/environment.ts";
import { awsPush } from "../aws-push.ts";
import { createHandler } from "./create-handler.ts";

const { queue, ...push } = awsPush(parseEnvironment("delivery", process.env), "delivery");

export const handler = createHandler({
  ...push,
  retryLater: (receipt, delayMs) => queue.retryLater(receipt, delayMs),
  goOn: (jobId) => queue.tell({ jobId }, randomUUID()),
});
