import { test as base, inject } from "vitest";
import { Caller } from "./caller.ts";
import { PATIENCE } from "./target.ts";

const { url, socketUrl, key, otherKey, target } = inject("connection");

const caller = (of: string | undefined): Caller => new Caller({ url, key: of, patience: PATIENCE[target] });

/**
 * A case of the suite. It is given callers of two tenants, `api` and `other`, and one without a key, `nobody`. Whatever
 * jobs it makes with them have to settle, and must break no invariant, before it has passed.
 */
export const test = base
  .extend("keys", { key, otherKey })
  .extend("socketUrl", socketUrl)
  .extend("api", ({ keys }, { onCleanup }) => checked(keys.key, onCleanup))
  .extend("other", ({ keys }, { onCleanup }) => checked(keys.otherKey, onCleanup))
  .extend("nobody", () => caller(undefined));

function checked(of: string, onCleanup: (check: () => Promise<void>) => void): Caller {
  const made = caller(of);
  onCleanup(() => made.checkJobs());
  return made;
}

/** Another text each time, so that the suite can run again on the same target. */
export const unique = (): string => crypto.randomUUID();
