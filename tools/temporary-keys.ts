import { hashOf } from "../lambdas/authorizer/keys.ts";
import type { TenantId } from "../src/contract/ids.ts";
import type { KeySecret } from "./key-secret.ts";

/**
 * Gives a key of each tenant to `use`, in that order, and takes them out again whatever comes of it.
 *
 * @param tell says which key is left, and how to take it out, should that fail
 */
export async function withTemporaryKeys<T>(
  secret: KeySecret,
  tenants: readonly TenantId[],
  use: (...keys: string[]) => Promise<T>,
  tell: (message: string) => void,
): Promise<T> {
  const made: { readonly tenant: TenantId; readonly key: string }[] = [];
  try {
    for (const tenant of tenants) made.push({ tenant, key: await secret.add(tenant) });
    return await use(...made.map(({ key }) => key));
  } finally {
    for (const { tenant, key } of made) {
      const hash = hashOf(key);
      await secret.revoke(hash).catch(({ name, message }: Error) => {
        const help = `npm run key -- --outputs FILE --revoke ${hash.slice(0, 16)}`;
        tell(`the key of tenant ${tenant} is still there: ${name}: ${message}. Take it out: ${help}`);
      });
    }
  }
}
