import { availableParallelism } from "node:os";
import { join } from "node:path";
import { defineConfig } from "vitest/config";
import { CONCURRENCY, connectionOf } from "./test/conformance/target.ts";

// Tests start hundreds of processes that load the same modules: these are compiled once (nodejs.org/api/module.html#module-compile-cache).
process.env.NODE_COMPILE_CACHE ??= join(import.meta.dirname, "node_modules/.cache/compiled");

/** Projects whose tests start processes or servers, synthesize stacks, or run very many schedules. */
const SLOW = ["contract", "infra", "aws", "system", "simulation", "client"];

const projects = ["unit", "contract", "app", "infra", "aws", "system", "simulation", "client"].map((name) => ({
  test: {
    name,
    include: [`test/${name}/**/*.test.ts`],
    // The last resort, also on a machine that is far busier than ours.
    testTimeout: SLOW.includes(name) ? 300_000 : 60_000,
    hookTimeout: SLOW.includes(name) ? 300_000 : 60_000,
  },
}));

/** Its cases wait for a target with a patience of their own, many at once: the time-out here is the last resort. */
const conformance = {
  test: {
    name: "conformance",
    include: ["test/conformance/*.test.ts"],
    globalSetup: ["test/conformance/start-target.ts"],
    setupFiles: ["test/conformance/skip-exceptions.ts"],
    sequence: { concurrent: true },
    maxConcurrency: CONCURRENCY[connectionOf(process.env)?.target ?? "embedded"],
    testTimeout: 300_000,
    hookTimeout: 60_000,
  },
};

export default defineConfig({
  test: {
    // Vitest leaves one processor to itself, and of two that is half. Most of the slow tests wait for processes.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    projects: [...projects, conformance],
  },
});
