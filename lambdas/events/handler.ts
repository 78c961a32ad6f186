import { parseEnvironment } from "../../src/engines/aws/environment.ts";
import { awsEventReads } from "../aws-reads.ts";
import { responseStreaming } from "../response-streaming.ts";
import { withCors } from "../with-cors.ts";
import { createHandler } from "./create-handler.ts";

const environment = parseEnvironment("events", process.env);
const reads = awsEventReads(environment);

export const handler = responseStreaming(withCors(createHandler(reads), environment.SLUICE_CORS), reads.clock);
