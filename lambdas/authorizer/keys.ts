import { createHash } from "node:crypto";
import { z } from "zod";
import { isTenantId, TENANT_ID_SHAPE, type TenantId } from "../../src/contract/ids.ts";

/** Who may call: hashes of bearer keys, each of which stands for a tenant. A file of the embedded host, or a secret on AWS. */
export const KeySet = z.strictObject({
  keys: z.array(
    z.strictObject({
      tenant: z.string().refine(isTenantId, `must be ${TENANT_ID_SHAPE}`),
      sha256: z.string().regex(/^[0-9a-f]{64}$/, "must be the key's SHA-256 in lower-case hex"),
    }),
  ),
});
export type KeySet = z.output<typeof KeySet>;

export const hashOf = (key: string): string => createHash("sha256").update(key).digest("hex");

/** The key of an `Authorization` header: `Bearer KEY` (RFC 6750, section 2.1). */
export const bearerKeyOf = (authorization: string | undefined): string | undefined =>
  /^Bearer +(\S+) *$/i.exec(authorization ?? "")?.[1];

/** Which tenant a bearer key stands for. Holds hashes only; looking one up by its hash tells nothing by its timing. */
export class Keys {
  readonly #tenants: ReadonlyMap<string, TenantId>;

  constructor(entries: KeySet["keys"]) {
    this.#tenants = new Map(entries.map(({ tenant, sha256 }) => [sha256, tenant as TenantId]));
  }

  /** @param authorization the header */
  tenantOf(authorization: string | undefined): TenantId | undefined {
    const key = bearerKeyOf(authorization);
    return key === undefined ? undefined : this.#tenants.get(hashOf(key));
  }
}
