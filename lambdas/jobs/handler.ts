import { parseEnvironment } from "../../src/engines/aws/environment.ts";
import { awsReads } from "../aws-reads.ts";
import { createHandler } from "./create-handler.ts";

export const handler = createHandler(awsReads(parseEnvironment("jobs", process.env), "jobs"));
