import type { MiddlewareObj } from "@middy/core";
import type { Runtime } from "../src/core/runtime.ts";

/** Middleware that lets nothing recorded, nobody to be told and nothing on its way wait for the next invocation, which may never come. */
export function flushing({
  metrics,
  watchers,
  deltas,
}: Partial<Pick<Runtime, "metrics" | "watchers" | "deltas">>): MiddlewareObj {
  const flush = async (): Promise<void> => {
    await Promise.all([metrics?.flush(), watchers?.settled(), deltas?.settled()]);
  };
  return { after: flush, onError: flush };
}
