import type { TenantId } from "../../src/contract/ids.ts";
import type { KeySecret } from "../key-secret.ts";
import { withTemporaryKeys } from "../temporary-keys.ts";
import { SmokeError } from "./smoke-error.ts";

/** The tenant whose jobs these are; nobody else's list shows them. */
export const SMOKE_TENANT = "smoke" as TenantId;

/** A key for as long as `use` runs: taken out again, also when it fails. Throws {@link SmokeError} where one cannot be made or taken out. */
export async function withTemporaryKey(secret: KeySecret, use: (key: string) => Promise<void>): Promise<void> {
  const left: string[] = [];
  let begun = false;
  const begin = (key = ""): Promise<void> => {
    begun = true;
    return use(key);
  };
  const failure = await withTemporaryKeys(secret, [SMOKE_TENANT], begin, (message) => left.push(message)).then(
    () => undefined,
    (error: Error) => error,
  );
  if (failure !== undefined && !begun) {
    throw new SmokeError(
      `no key could be made: ${failure.name}: ${failure.message}. One that is there is given by --key`,
    );
  }
  if (left.length > 0) throw new SmokeError([...(failure === undefined ? [] : [failure.message]), ...left].join("\n"));
  if (failure !== undefined) throw failure;
}
