import { dynamoDbClient } from "../../src/engines/aws/aws-clients.ts";
import { parseEnvironment } from "../../src/engines/aws/environment.ts";
import { powerLogger } from "../power-logger.ts";
import { countDeployment } from "./count-deployment.ts";
import { createHandler } from "./create-handler.ts";

const { SLUICE_STAGE: stage, SLUICE_TABLE: tableName } = parseEnvironment("deployment", process.env);
const client = dynamoDbClient();

export const handler = createHandler({
  next: () => countDeployment({ client, tableName }),
  logger: powerLogger({ keys: { stage, function: "deployment" } }),
});
