import { defineConfig } from "vitest/config";

/** Projects whose tests start processes or servers, or synthesize stacks. */
const SLOW = ["contract", "infra", "aws", "system"];

export default defineConfig({
  test: {
    projects: ["unit", "contract", "app", "infra", "aws", "system"].map((name) => ({
      test: {
        name,
        include: [`test/${name}/**/*.test.ts`],
        testTimeout: SLOW.includes(name) ? 60_000 : 10_000,
        hookTimeout: SLOW.includes(name) ? 60_000 : 10_000,
      },
    })),
  },
});
