import { dynamoDbClient, secretsClient } from "../../src/engines/aws/aws-clients.ts";
import { parseEnvironment } from "../../src/engines/aws/environment.ts";
import { powerLogger } from "../power-logger.ts";
import { countDeployment } from "./count-deployment.ts";
import { createHandler } from "./create-handler.ts";
import { lookAtSecret } from "./look-at-secret.ts";

const client = dynamoDbClient();
const secrets = secretsClient();

export const handler = createHandler({
  // Parsed only here: a function that fails to start answers nothing, and the stack would wait for an hour.
  next: async () => countDeployment({ client, tableName: parseEnvironment("deployment", process.env).SLUICE_TABLE }),
  look: (arn) => lookAtSecret(arn, secrets),
  logger: powerLogger({ keys: { stage: process.env.SLUICE_STAGE ?? "", function: "deployment" } }),
});
