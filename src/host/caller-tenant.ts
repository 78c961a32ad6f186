import type { IncomingMessage } from "node:http";
import type { Keys } from "../../lambdas/authorizer/keys.ts";
import type { TenantId } from "../contract/ids.ts";
import { ProblemError } from "../contract/problem.ts";
import { localTenant } from "./options.ts";

/** Whose a request is: by its key, or, while there are no keys, by its word. Throws a 401, or a 400 for a tenant of no known shape. */
export function callerTenant({ headers }: IncomingMessage, keys: Keys | undefined): TenantId {
  if (keys === undefined) {
    try {
      const header = headers["x-tenant-id"];
      return localTenant(Array.isArray(header) ? header.join(",") : header);
    } catch (error) {
      const { message } = error as Error;
      const errors = [{ path: "x-tenant-id", message }];
      throw new ProblemError({ title: "Invalid request", status: 400, detail: message, errors });
    }
  }
  const tenant = keys.tenantOf(headers.authorization);
  if (tenant !== undefined) return tenant;
  throw new ProblemError(
    { title: "Unauthorized", status: 401, detail: "a valid key is needed: Authorization: Bearer KEY" },
    { "www-authenticate": "Bearer" },
  );
}
