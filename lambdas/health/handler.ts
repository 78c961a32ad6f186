import { parseEnvironment } from "../../src/engines/aws/environment.ts";
import { powerLogger } from "../power-logger.ts";
import { withCors } from "../with-cors.ts";
import { createHandler } from "./create-handler.ts";

const { SLUICE_STAGE: stage, SLUICE_CORS: cors } = parseEnvironment("health", process.env);

const logger = powerLogger({ keys: { stage, function: "health" } });

export const handler = withCors(createHandler({ logger }), cors);
