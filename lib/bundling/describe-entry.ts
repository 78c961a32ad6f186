import { writeSync } from "node:fs";
import { join } from "node:path";
import { appOf } from "../../src/core/define-app.ts";
import type { AppManifest } from "./app-manifest.ts";
import { forbidSideEffects, SideEffectError } from "./forbid-side-effects.ts";

/** Runs in a process of its own: imports an app where it can reach nothing, and writes down what it is made of. */

/** Where the parent reads; stdout is the app's. */
const ANSWER_FD = 3;

async function describe(): Promise<AppManifest> {
  const sideEffect = forbidSideEffects();
  const app = appOf(
    await import("#app").catch((error: unknown) => {
      throw sideEffect() ?? error;
    }),
  );
  const found = sideEffect();
  if (found) throw found;
  return {
    workflows: [...app.workflows.values()].map(({ name }) => ({ name })),
    capabilities: [...app.capabilities.values()].map(
      ({ name, timeoutMs, concurrency, batchSize, maxBacklog, memoryMb, secrets, usesModel, permissions }) => ({
        name,
        timeoutMs,
        concurrency,
        batchSize,
        ...(maxBacklog === undefined ? {} : { maxBacklog }),
        memoryMb,
        secrets: [...secrets],
        usesModel,
        permissions: permissions.map(({ actions, resources }) => ({
          actions: [...actions],
          resources: [...resources],
        })),
      }),
    ),
    model: app.model,
    models: [...app.models],
    ...(app.corpus === undefined ? {} : { corpus: app.corpus }),
    deadlineMs: app.deadlineMs,
    retentionMs: app.retentionMs,
    tenantLimits: app.tenantLimits,
  };
}

try {
  writeSync(ANSWER_FD, JSON.stringify({ manifest: await describe() }));
} catch (error) {
  const { name, message, stack = "" } = error instanceof Error ? error : new Error(String(error));
  const sideEffect = sideEffectOf(error);
  const where = placeIn(stack);
  writeSync(ANSWER_FD, JSON.stringify({ error: { name, message, where, sideEffect } }));
}
// What the app has left running is no reason to wait.
process.exit();

/** What was done that an import may not do, if that is what is wrong. */
function sideEffectOf(error: unknown): string | undefined {
  if (error instanceof SideEffectError) return error.message;
  if (error instanceof Error && "code" in error && error.code === "ERR_ACCESS_DENIED") {
    return `it writes files or starts processes when it is imported (${(error as { permission?: string }).permission})`;
  }
  return undefined;
}

/** The first line of the stack that is in a file of the app's, and neither of a package nor of ours. */
function placeIn(stack: string): string | undefined {
  const places = [...stack.matchAll(/(?<=[\s(])(?:file:\/\/)?(\/[^()]+:\d+:\d+)\)?$/gm)].map(([, place = ""]) => place);
  const [, , root = ""] = process.argv;
  const ours = ["lib/", "src/"].map((folder) => join(root, folder));
  return places.find((place) => !place.includes("/node_modules/") && !ours.some((folder) => place.startsWith(folder)));
}
