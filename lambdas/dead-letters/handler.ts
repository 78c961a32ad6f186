import app from "#app";
import { parseEnvironment } from "../../src/engines/aws/environment.ts";
import { awsRuntime } from "../aws-runtime.ts";
import { withCors } from "../with-cors.ts";
import { createHandler } from "./create-handler.ts";

const environment = parseEnvironment("dead-letters", process.env);

export const handler = withCors(createHandler(await awsRuntime({ app, environment })), environment.SLUICE_CORS);
