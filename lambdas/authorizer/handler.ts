import { GetSecretValueCommand } from "@aws-sdk/client-secrets-manager";
import { secretsClient } from "../../src/engines/aws/aws-clients.ts";
import { parseEnvironment } from "../../src/engines/aws/environment.ts";
import { systemClock } from "../../src/engines/shared/system-clock.ts";
import { powerLogger } from "../power-logger.ts";
import { createHandler } from "./create-handler.ts";

const { SLUICE_STAGE: stage, SLUICE_KEYS_SECRET: SecretId } = parseEnvironment("authorizer", process.env);
const client = secretsClient();
/** An invocation that is cut off by its own timeout would lose the keys that are known. */
const READ_MS = 3_000;

export const handler = createHandler({
  async readKeys() {
    const abortSignal = AbortSignal.timeout(READ_MS);
    const { SecretString = "" } = await client.send(new GetSecretValueCommand({ SecretId }), { abortSignal });
    return SecretString;
  },
  clock: systemClock,
  logger: powerLogger({ keys: { stage, function: "authorizer" } }),
});
