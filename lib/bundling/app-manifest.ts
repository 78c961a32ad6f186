import { z } from "zod";

/** What the stack is made from: an app without its code. */
export const AppManifest = z.object({
  workflows: z.array(z.object({ name: z.string() })),
  capabilities: z.array(
    z.object({
      name: z.string(),
      timeoutMs: z.number(),
      concurrency: z.number(),
      batchSize: z.number(),
      maxBacklog: z.number().optional(),
      memoryMb: z.number(),
      secrets: z.array(z.string()),
      usesModel: z.boolean(),
      permissions: z.array(z.object({ actions: z.array(z.string()), resources: z.array(z.string()) })),
    }),
  ),
  model: z.string(),
  models: z.array(z.string()),
  corpus: z.string().optional(),
  deadlineMs: z.number(),
  retentionMs: z.number(),
  tenantLimits: z.object({ jobsPerMinute: z.number().optional(), jobsInFlight: z.number().optional() }),
});
export type AppManifest = z.output<typeof AppManifest>;
export type CapabilityManifest = AppManifest["capabilities"][number];
