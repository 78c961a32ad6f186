import { registerHooks } from "node:module";
import { pathToFileURL } from "node:url";

/**
 * A process in which one function's handler runs, whole, as Lambda has it: started by its environment. Events come as
 * messages, answers go back as messages. `SLUICE_TEST_APP` is the app, `SLUICE_TEST_AHEAD_MS` how far its clock is ahead,
 * `SLUICE_TEST_TIMEOUT_MS` how long an invocation may take.
 */
const {
  SLUICE_TEST_APP = "",
  SLUICE_TEST_HANDLER = "",
  SLUICE_TEST_AHEAD_MS = "0",
  SLUICE_TEST_TIMEOUT_MS = "30000",
} = process.env;

export interface Invocation {
  readonly id: number;
  readonly event: unknown;
}

export type Reply = { readonly id: number; readonly answer: unknown } | { readonly id: number; readonly error: string };

registerHooks({
  resolve: (specifier, context, next) =>
    next(specifier === "#app" ? pathToFileURL(SLUICE_TEST_APP).href : specifier, context),
});
const now = Date.now;
Date.now = () => now() + Number(SLUICE_TEST_AHEAD_MS);

const { handler } = await import(SLUICE_TEST_HANDLER);

function newContext() {
  const endsAtMs = performance.now() + Number(SLUICE_TEST_TIMEOUT_MS);
  return {
    functionName: "local",
    awsRequestId: "local",
    getRemainingTimeInMillis: () => Math.max(0, Math.floor(endsAtMs - performance.now())),
  };
}

process.on("message", ({ id, event }: Invocation) => {
  Promise.resolve(handler(event, newContext())).then(
    (answer: unknown) => process.send?.({ id, answer: answer ?? null } satisfies Reply),
    (error: unknown) => process.send?.({ id, error: String(error) } satisfies Reply),
  );
});
process.send?.({ id: 0, answer: "started" } satisfies Reply);
