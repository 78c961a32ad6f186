import app from "#app";
import { parseEnvironment } from "../../src/engines/aws/environment.ts";
import { awsRuntime } from "../aws-runtime.ts";
import { withCors } from "../with-cors.ts";
import { createHandler } from "./create-handler.ts";

const environment = parseEnvironment("capabilities", process.env);

const runtime = await awsRuntime({ app, environment, ages: true, deleted: "all" });

export const handler = withCors(createHandler(runtime), environment.SLUICE_CORS);
