import app from "#app";
import { parseEnvironment } from "../../src/engines/aws/environment.ts";
import { powerLogger } from "../power-logger.ts";
import { createHandler } from "./create-handler.ts";

const { SLUICE_STAGE: stage } = parseEnvironment("openapi", process.env);

export const handler = createHandler({ app, logger: powerLogger({ keys: { stage, function: "openapi" } }) });
