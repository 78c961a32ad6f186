import { GetSecretValueCommand, type SecretsManagerClient } from "@aws-sdk/client-secrets-manager";

/** A secret that a capability needs cannot be read: nothing of it would work. */
export class SecretError extends Error {
  override readonly name = "SecretError";
}

/**
 * Puts secrets into the variables that capabilities and the providers' packages read them from, when a function starts.
 * Throws {@link SecretError} that names all that cannot be read.
 *
 * @param secrets secret ARNs by the name of the variable
 */
export async function loadSecrets(
  secrets: Readonly<Record<string, string>>,
  variables: Record<string, string | undefined>,
  client: SecretsManagerClient,
): Promise<void> {
  const missing: string[] = [];
  await Promise.all(
    Object.entries(secrets).map(async ([variable, arn]) => {
      try {
        const { SecretString } = await client.send(new GetSecretValueCommand({ SecretId: arn }));
        if (!SecretString) throw new SecretError("it has no text");
        variables[variable] = SecretString;
      } catch (error) {
        const why = error instanceof SecretError ? error.message : (error as Error).name;
        missing.push(`${variable} (${arn}): ${why}`);
      }
    }),
  );
  if (missing.length > 0) {
    throw new SecretError(`secrets cannot be read; give each a value in Secrets Manager: ${missing.sort().join("; ")}`);
  }
}
