import { z } from "zod";
import type { CapabilityList } from "../../src/contract/api.ts";
import type { Json } from "../../src/contract/json.ts";
import type { SignalSchemas } from "../../src/core/define-workflow.ts";
import { iso } from "../../src/core/iso.ts";
import type { Runtime } from "../../src/core/runtime.ts";

/** What this deployment can do, and how much waits for each capability. */
export async function getCapabilities({
  app,
  gates,
  queue,
  resources,
}: Runtime): Promise<z.infer<typeof CapabilityList>> {
  const queueStats = async (name: string) => {
    const [{ oldestAgeMs, ...counts }, drainedPerSecond] = await Promise.all([
      queue.stats(name),
      queue.drainedPerSecond(name),
    ]);
    return {
      ...counts,
      ...(oldestAgeMs === undefined ? {} : { oldestAgeMs }),
      ...(drainedPerSecond === undefined ? {} : { drainedPerSecond }),
    };
  };
  const capabilities = await Promise.all(
    [...app.capabilities.values()].map(async ({ name, description, concurrency, timeoutMs, retry, maxBacklog }) => ({
      name,
      description,
      ...(await queueStats(name)),
      concurrency,
      timeoutMs,
      maxAttempts: retry.maxAttempts,
      ...(maxBacklog === undefined ? {} : { maxBacklog }),
    })),
  );
  const workflows = [...app.workflows.values()].map(({ name, description, input, signals }) => ({
    name,
    description,
    input: schemaOf(input),
    ...(Object.keys(signals).length > 0 ? { signals: schemasOf(signals) } : {}),
  }));
  const providers = (await gates.view()).map(({ openUntilMs, ...view }) => ({
    ...view,
    ...(openUntilMs === undefined ? {} : { openUntil: iso(openUntilMs) }),
  }));
  return { capabilities, workflows, model: resources.model, tenantLimits: app.tenantLimits, providers };
}

const schemaOf = (schema: z.ZodType): Json => z.toJSONSchema(schema, { io: "input", unrepresentable: "any" }) as Json;

const schemasOf = (signals: SignalSchemas): Record<string, Json> =>
  Object.fromEntries(Object.entries(signals).map(([name, schema]) => [name, schemaOf(schema)]));
