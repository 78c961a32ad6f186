import { randomBytes, randomUUID } from "node:crypto";
import {
  GetSecretValueCommand,
  PutSecretValueCommand,
  type SecretsManagerClient,
  UpdateSecretVersionStageCommand,
} from "@aws-sdk/client-secrets-manager";
import { hashOf, KeySet } from "../lambdas/authorizer/keys.ts";
import type { TenantId } from "../src/contract/ids.ts";
import { UsageError } from "./read-outputs.ts";

type Entries = KeySet["keys"];

/** The most that a secret can hold (docs.aws.amazon.com/secretsmanager/latest/userguide/reference_limits.html). */
const MAX_SECRET_BYTES = 65_536;
/** Marks a set of keys that is written but does not count yet. */
const DRAFT = "SLUICE_DRAFT";
const TRIES = 5;

/** The secret that holds whom an instance lets in, as its authorizer reads it. */
export class KeySecret {
  readonly #client: SecretsManagerClient;
  readonly #arn: string;

  constructor(client: SecretsManagerClient, arn: string) {
    this.#client = client;
    this.#arn = arn;
  }

  async entries(): Promise<Entries> {
    return (await this.#read()).entries;
  }

  /** Makes a key for a tenant. Resolves with the key itself, which is kept nowhere. */
  async add(tenant: TenantId): Promise<string> {
    const key = `slc_${randomBytes(32).toString("base64url")}`;
    await this.#change((entries) => [...entries, { tenant, sha256: hashOf(key) }]);
    return key;
  }

  /** Takes out the one key whose hash begins so. Throws {@link UsageError} if none does, or several do. */
  async revoke(hashPrefix: string): Promise<Entries[number]> {
    let revoked: Entries[number] | undefined;
    await this.#change((entries) => {
      const [only, ...others] = entries.filter(({ sha256 }) => sha256.startsWith(hashPrefix));
      if (only === undefined) throw new UsageError(`no key's hash begins with ${hashPrefix}; --list shows all`);
      if (others.length > 0)
        throw new UsageError(`${others.length + 1} keys' hashes begin with ${hashPrefix}: give more of it`);
      revoked = only;
      return entries.filter((entry) => entry !== only);
    });
    if (revoked === undefined) throw new Error("unreachable");
    return revoked;
  }

  /**
   * Secrets Manager has no conditional write, but a label is taken from one version and given to another only if the
   * first has it (docs.aws.amazon.com/secretsmanager/latest/apireference/API_UpdateSecretVersionStage.html): what
   * another person changed meanwhile is never lost.
   */
  async #change(edit: (entries: Entries) => Entries): Promise<void> {
    for (let tries = 1; ; tries++) {
      const { entries, version } = await this.#read();
      const SecretString = JSON.stringify({ keys: edit(entries) } satisfies KeySet);
      const bytes = Buffer.byteLength(SecretString);
      if (bytes > MAX_SECRET_BYTES) {
        throw new UsageError(
          `the secret has room for ${MAX_SECRET_BYTES} bytes; with one more key it had ${bytes}. Revoke keys that nobody uses`,
        );
      }
      const draft = randomUUID();
      const about = { SecretId: this.#arn };
      await this.#client.send(
        new PutSecretValueCommand({ ...about, SecretString, ClientRequestToken: draft, VersionStages: [DRAFT] }),
      );
      try {
        await this.#client.send(
          new UpdateSecretVersionStageCommand({
            ...about,
            VersionStage: "AWSCURRENT",
            MoveToVersionId: draft,
            RemoveFromVersionId: version,
          }),
        );
        return;
      } catch (error) {
        const { version: now } = await this.#read();
        // The answer was lost, not the change.
        if (now === draft) return;
        if (now === version) throw error;
        if (tries === TRIES) {
          throw new UsageError(
            `others changed the keys ${TRIES} times meanwhile; nothing of yours was changed: try again`,
          );
        }
      }
    }
  }

  async #read(): Promise<{ readonly entries: Entries; readonly version: string }> {
    const { SecretString = "", VersionId = "" } = await this.#client.send(
      new GetSecretValueCommand({ SecretId: this.#arn }),
    );
    let value: unknown;
    try {
      value = JSON.parse(SecretString);
    } catch {
      value = undefined;
    }
    const parsed = KeySet.safeParse(value);
    if (parsed.success) return { entries: parsed.data.keys, version: VersionId };
    // Its text is not shown: it may hold what somebody took for a key.
    throw new UsageError(
      `the secret ${this.#arn} does not hold what it should, {"keys":[{"tenant":"…","sha256":"…"}]}; nothing was changed`,
    );
  }
}
