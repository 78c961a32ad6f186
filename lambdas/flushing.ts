import type { MiddlewareObj } from "@middy/core";
import type { Metrics } from "../src/core/runtime.ts";

/** Middleware that lets nothing recorded wait for the next invocation, which may never come. */
export function flushing(metrics: Metrics | undefined): MiddlewareObj {
  const flush = async (): Promise<void> => {
    await metrics?.flush();
  };
  return { after: flush, onError: flush };
}
