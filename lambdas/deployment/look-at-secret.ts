import { DescribeSecretCommand, type SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import type { SecretState } from "./check-secrets.ts";

/** Needs `secretsmanager:DescribeSecret` only: the value itself is for those who use it. */
export async function lookAtSecret(SecretId: string, client: SecretsManagerClient): Promise<SecretState> {
  try {
    const { DeletedDate, VersionIdsToStages = {} } = await client.send(new DescribeSecretCommand({ SecretId }));
    if (DeletedDate) return "deleted";
    return Object.values(VersionIdsToStages).some((stages) => stages.includes("AWSCURRENT")) ? "usable" : "empty";
  } catch (error) {
    if ((error as Error).name === "ResourceNotFoundException") return "missing";
    throw error;
  }
}
