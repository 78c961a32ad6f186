import type { CloudFormationCustomResourceEvent } from "aws-lambda";
import { z } from "zod";

/** What a function that starts would find. */
export type SecretState = "usable" | "missing" | "empty" | "deleted";

const Secrets = z.array(z.object({ variable: z.string(), arn: z.string() })).default([]);
type Secret = z.output<typeof Secrets>[number];

/**
 * The secrets that this deployment brings. Those of the deployment before were looked at then: going back to it must not
 * fail for one that somebody has deleted since.
 */
export function addedSecrets(event: CloudFormationCustomResourceEvent): readonly Secret[] {
  const now = Secrets.parse(event.ResourceProperties.Secrets);
  if (event.RequestType !== "Update") return now;
  const before = Secrets.safeParse(event.OldResourceProperties.Secrets).data ?? [];
  return now.filter(({ arn }) => !before.some((secret) => secret.arn === arn));
}

/** A sentence that names every secret that cannot be used and what helps, or undefined if all can be. */
export async function unusableSecrets(
  secrets: readonly Secret[],
  look: (arn: string) => Promise<SecretState>,
): Promise<string | undefined> {
  const states = await Promise.all(secrets.map(async (secret) => ({ ...secret, state: await look(secret.arn) })));
  const unusable = states.filter(({ state }) => state !== "usable");
  if (unusable.length === 0) return undefined;
  const named = unusable.map(({ variable, state }) => `${variable} is ${state}`).join(", ");
  const commands = unusable.map(({ arn, state }) => `aws secretsmanager ${commandOf(nameOf(arn), state)}`);
  return `secrets that the app's capabilities need: ${named}. Then deploy again: ${[...new Set(commands)].join("; ")}`;
}

/** What helps, as an argument of `aws secretsmanager`. */
export function commandOf(name: string, state: SecretState): string {
  if (state === "deleted") return `restore-secret --secret-id ${name}`;
  return state === "empty"
    ? `put-secret-value --secret-id ${name} --secret-string …`
    : `create-secret --name ${name} --secret-string …`;
}

/** The ARN of a secret that is not there has no suffix of Secrets Manager's own. */
const nameOf = (arn: string): string => arn.slice(arn.lastIndexOf(":") + 1);
