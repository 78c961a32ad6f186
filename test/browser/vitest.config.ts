import { defineConfig } from "vitest/config";

/** `npm run test:browser`: needs Chromium, which `npm test` does not. */
export default defineConfig({
  test: {
    name: "browser",
    include: ["test/browser/*.test.ts"],
    testTimeout: 120_000,
    hookTimeout: 60_000,
  },
});
