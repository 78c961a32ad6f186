import { parseEnvironment } from "../../src/engines/aws/environment.ts";
import { powerLogger } from "../power-logger.ts";
import { createHandler } from "./create-handler.ts";

const { SLUICE_STAGE: stage } = parseEnvironment("health", process.env);

export const handler = createHandler({ logger: powerLogger({ keys: { stage, function: "health" } }) });
