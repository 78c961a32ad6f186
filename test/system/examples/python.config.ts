import { defineConfig } from "vitest/config";

/** `npm run test:fastapi`: what `npm test` leaves out, since it needs Python. */
export default defineConfig({
  test: { include: ["test/system/examples/*.python.ts"], testTimeout: 120_000, hookTimeout: 180_000 },
});
