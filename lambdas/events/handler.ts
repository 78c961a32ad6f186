import { parseEnvironment } from "../../src/engines/aws/environment.ts";
import { awsEventReads } from "../aws-reads.ts";
import { responseStreaming } from "../response-streaming.ts";
import { createHandler } from "./create-handler.ts";

const reads = awsEventReads(parseEnvironment("events", process.env));

export const handler = responseStreaming(createHandler(reads), reads.clock);
