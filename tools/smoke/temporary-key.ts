import { hashOf } from "../../lambdas/authorizer/keys.ts";
import type { TenantId } from "../../src/contract/ids.ts";
import type { KeySecret } from "../key-secret.ts";
import { SmokeError } from "./smoke-error.ts";

/** The tenant whose jobs these are; nobody else's list shows them. */
export const SMOKE_TENANT = "smoke" as TenantId;

/** A key for as long as `use` runs: taken out again, also when it fails. Throws {@link SmokeError} where one cannot be made or taken out. */
export async function withTemporaryKey(secret: KeySecret, use: (key: string) => Promise<void>): Promise<void> {
  const key = await secret.add(SMOKE_TENANT).catch((error: Error) => {
    throw new SmokeError(`no key could be made: ${error.name}: ${error.message}. One that is there is given by --key`);
  });
  const failure = await use(key).then(
    () => undefined,
    (error: Error) => error,
  );
  const left = await whyLeft(secret, hashOf(key));
  if (left !== undefined) throw new SmokeError(failure === undefined ? left : `${failure.message}\n${left}`);
  if (failure !== undefined) throw failure;
}

/** Takes the key out. Resolves with what to do where that failed. */
async function whyLeft(secret: KeySecret, hash: string): Promise<string | undefined> {
  try {
    await secret.revoke(hash);
    return undefined;
  } catch (error) {
    const { name, message } = error as Error;
    const help = `npm run key -- --outputs FILE --revoke ${hash.slice(0, 16)}`;
    return `the key of tenant ${SMOKE_TENANT} is still there: ${name}: ${message}. Take it out: ${help}`;
  }
}
