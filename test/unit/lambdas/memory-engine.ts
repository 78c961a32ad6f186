import { afterAll } from "vitest";
import { openEmbeddedEngine } from "../../../src/engines/embedded/embedded-engine.ts";
import { appOf } from "../core/fixtures.ts";

/** The real embedded engine, in memory, for as long as the file's tests. */
export const engine = openEmbeddedEngine({
  app: appOf(async () => 1),
  dataDir: undefined,
  onReady: () => {},
  onError: (error) => {
    throw error;
  },
});
afterAll(() => engine.close());
