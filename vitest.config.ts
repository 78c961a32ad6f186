import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    projects: ["unit", "contract", "app", "system"].map((name) => ({
      test: {
        name,
        include: [`test/${name}/**/*.test.ts`],
        testTimeout: name === "system" ? 60_000 : 10_000,
      },
    })),
  },
});
