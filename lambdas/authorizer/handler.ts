import { GetSecretValueCommand } from "@aws-sdk/client-secrets-manager";
import { dynamoDbClient, secretsClient } from "../../src/engines/aws/aws-clients.ts";
import { DynamoDbTickets } from "../../src/engines/aws/dynamodb-tickets.ts";
import { parseEnvironment } from "../../src/engines/aws/environment.ts";
import { systemClock } from "../../src/engines/shared/system-clock.ts";
import { powerLogger } from "../power-logger.ts";
import { createHandler } from "./create-handler.ts";

const environment = parseEnvironment("authorizer", process.env);
const { SLUICE_STAGE: stage, SLUICE_KEYS_SECRET: SecretId, SLUICE_TABLE: tableName, SLUICE_CORS: cors } = environment;
const client = secretsClient();
/** An invocation that is cut off by its own timeout would lose the keys that are known. */
const READ_MS = 3_000;

export const handler = createHandler({
  async readKeys() {
    const abortSignal = AbortSignal.timeout(READ_MS);
    const { SecretString = "" } = await client.send(new GetSecretValueCommand({ SecretId }), { abortSignal });
    return SecretString;
  },
  tickets: new DynamoDbTickets({ client: dynamoDbClient(), tableName, clock: systemClock }),
  cors,
  clock: systemClock,
  logger: powerLogger({ keys: { stage, function: "authorizer" } }),
});
