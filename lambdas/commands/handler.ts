import app from "#app";
import { parseEnvironment } from "../../src/engines/aws/environment.ts";
import { awsRuntime } from "../aws-runtime.ts";
import { createHandler } from "./create-handler.ts";

const environment = parseEnvironment("commands", process.env);

export const handler = createHandler(await awsRuntime({ app, environment, deleted: "limited" }));
