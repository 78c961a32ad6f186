import { afterEach } from "vitest";
import type { Readers } from "../../src/core/runtime.ts";
import { gatedApp } from "./gated-app.ts";
import { Caller } from "./server.ts";
import { startWatched } from "./watched-embedded.ts";

/** What a test has running, to be ended after it, the last first. */
export const running: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of running.splice(0).reverse()) await end();
});

/** A watched server of an app whose steps wait at a gate, until the end of the test or until it is closed. */
export async function startGated(steps: number, readers?: Readers) {
  const gated = gatedApp(steps);
  const watched = await startWatched(gated.app, readers);
  let closed = false;
  const close = async (): Promise<void> => {
    if (!closed) await watched.embedded.close(0);
    closed = true;
    gated.open();
  };
  running.push(close);
  return { ...gated, ...watched, close, caller: new Caller(watched.url) };
}
