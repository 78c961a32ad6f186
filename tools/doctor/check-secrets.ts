import { SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { commandOf } from "../../lambdas/deployment/check-secrets.ts";
import { lookAtSecret } from "../../lambdas/deployment/look-at-secret.ts";
import { secretPrefix } from "../../lib/secrets.ts";
import type { Identity } from "./check-identity.ts";
import { clientOptions } from "./clients.ts";
import { type Finding, fail, look, ok } from "./finding.ts";

/** Whether each secret that workers read is there. None is read. */
export async function checkSecrets(
  { region }: Identity,
  instance: string,
  variables: readonly string[],
): Promise<Finding[]> {
  const client = new SecretsManagerClient(clientOptions(region));
  if (variables.length === 0) return [ok("secrets", "none is needed")];
  const findings = await Promise.all(
    variables.map((variable) => {
      const name = secretPrefix(instance) + variable;
      return look("secrets", `secretsmanager:DescribeSecret on ${name}`, async () => {
        const state = await lookAtSecret(name, client);
        if (state === "usable") return [ok("secrets", `${name} is there`)];
        return [
          fail("secrets", `${name} is ${state}`, `aws secretsmanager ${commandOf(name, state)} --region ${region}`),
        ];
      });
    }),
  );
  return findings.flat();
}
