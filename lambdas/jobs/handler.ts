import { parseEnvironment } from "../../src/engines/aws/environment.ts";
import { awsReads } from "../aws-reads.ts";
import { withCors } from "../with-cors.ts";
import { createHandler } from "./create-handler.ts";

const environment = parseEnvironment("jobs", process.env);

export const handler = withCors(createHandler(awsReads(environment, "jobs")), environment.SLUICE_CORS);
