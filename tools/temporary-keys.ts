import { randomBytes } from "node:crypto";
import { hashOf } from "../lambdas/authorizer/keys.ts";
import type { TenantId } from "../src/contract/ids.ts";
import type { KeySecret } from "./key-secret.ts";

export interface TemporaryKeys {
  readonly key: string;
  readonly otherKey: string;
}

/**
 * Gives keys of two new tenants to `use`, and revokes them whatever comes of it.
 *
 * @param tell says which key is left, should one not be revoked
 */
export async function withTemporaryKeys<T>(
  secret: KeySecret,
  use: (keys: TemporaryKeys) => Promise<T>,
  tell: (message: string) => void,
): Promise<T> {
  const made: string[] = [];
  const name = `conformance-${randomBytes(4).toString("hex")}`;
  try {
    for (const tenant of [`${name}-a`, `${name}-b`]) made.push(await secret.add(tenant as TenantId));
    const [key = "", otherKey = ""] = made;
    return await use({ key, otherKey });
  } finally {
    for (const key of made) {
      const hash = hashOf(key);
      await secret.revoke(hash).catch((error: Error) => {
        tell(
          `a key of ${name} is left (${error.message}): npm run key -- --outputs FILE --revoke ${hash.slice(0, 16)}`,
        );
      });
    }
  }
}
