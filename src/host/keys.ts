import { readFileSync } from "node:fs";
import { z } from "zod";
import { KeySet, Keys } from "../../lambdas/authorizer/keys.ts";
import { StartError } from "./options.ts";

/** Throws {@link StartError} for a file that cannot be read, is not of the documented shape, or lets nobody in. */
export function loadKeys(file: string): Keys {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(file, "utf8"));
  } catch (error) {
    throw new StartError(`--keys ${file}: ${(error as Error).message}`);
  }
  const parsed = KeySet.safeParse(value);
  if (!parsed.success) throw new StartError(`--keys ${file}: ${z.prettifyError(parsed.error)}`);
  if (parsed.data.keys.length === 0) throw new StartError(`--keys ${file}: has no keys, so nobody could call`);
  return new Keys(parsed.data.keys);
}
