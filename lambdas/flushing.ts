import type { MiddlewareObj } from "@middy/core";
import type { Runtime } from "../src/core/runtime.ts";

/** Middleware that lets nothing recorded, and nobody to be told, wait for the next invocation, which may never come. */
export function flushing({ metrics, watchers }: Partial<Pick<Runtime, "metrics" | "watchers">>): MiddlewareObj {
  const flush = async (): Promise<void> => {
    await Promise.all([metrics?.flush(), watchers?.settled()]);
  };
  return { after: flush, onError: flush };
}
