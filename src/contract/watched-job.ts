import { z } from "zod";
import { isJobId, isTenantId } from "./ids.ts";

/** What delivery is told: there may be events of a job to send. `newOf`: it has just begun, and belongs to this tenant. */
export const WatchedJob = z.object({
  jobId: z.string().refine(isJobId),
  newOf: z.string().refine(isTenantId).optional(),
});
export type WatchedJob = z.output<typeof WatchedJob>;
