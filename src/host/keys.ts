import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { z } from "zod";
import { isTenantId, TENANT_ID_SHAPE, type TenantId } from "../contract/ids.ts";
import { StartError } from "./options.ts";

const KeysFile = z.strictObject({
  keys: z
    .array(
      z.strictObject({
        tenant: z.string().refine(isTenantId, `must be ${TENANT_ID_SHAPE}`),
        sha256: z.string().regex(/^[0-9a-f]{64}$/, "must be the key's SHA-256 in lower-case hex"),
      }),
    )
    .min(1),
});

/** Which tenant a bearer key stands for. Holds hashes only; looking one up by its hash tells nothing by its timing. */
export class Keys {
  readonly #tenants: ReadonlyMap<string, TenantId>;

  constructor(entries: readonly { readonly tenant: TenantId; readonly sha256: string }[]) {
    this.#tenants = new Map(entries.map(({ tenant, sha256 }) => [sha256, tenant]));
  }

  tenantOf(authorization: string | undefined): TenantId | undefined {
    const key = /^Bearer +(\S+) *$/i.exec(authorization ?? "")?.[1];
    if (key === undefined) return undefined;
    return this.#tenants.get(createHash("sha256").update(key).digest("hex"));
  }
}

/** Throws {@link StartError} for a file that cannot be read or is not of the documented shape. */
export function loadKeys(file: string): Keys {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(file, "utf8"));
  } catch (error) {
    throw new StartError(`--keys ${file}: ${(error as Error).message}`);
  }
  const parsed = KeysFile.safeParse(value);
  if (!parsed.success) throw new StartError(`--keys ${file}: ${z.prettifyError(parsed.error)}`);
  return new Keys(parsed.data.keys);
}
