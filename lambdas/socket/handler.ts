import { randomUUID } from "node:crypto";
import { parseEnvironment } from "../../src/engines/aws/environment.ts";
import { awsPush } from "../aws-push.ts";
import { createHandler } from "./create-handler.ts";

const { queue, ...push } = awsPush(parseEnvironment("socket", process.env), "socket");

export const handler = createHandler({
  ...push,
  // One message for each subscription: its events are sent in the job's turn, and a long log needs more time than a frame has.
  deliver: (jobId) => queue.tell({ jobId }, randomUUID()),
});
