import type { JobEvent } from "../../src/contract/events.ts";
import { accountFor, type Figures, noFigures } from "./accounts.ts";
import { type ApiClient, ApiError } from "./api-client.ts";
import type { Life } from "./engine-process.ts";
import { type Ending, judgeJob } from "./judge-job.ts";
import type { ModelCall } from "./model-call.ts";
import { TENANTS, tenantOf } from "./shapes.ts";
import { stepsOf } from "./step-history.ts";

export interface Verdict {
  readonly logs: readonly (readonly JobEvent[])[];
  readonly figures: Figures;
  /** How many jobs ended how. */
  readonly endings: Partial<Record<Ending, number>>;
  /** Accepted, and not there. */
  readonly lost: readonly string[];
  /** There, and not accepted, or more than once. */
  readonly doubled: readonly string[];
  readonly broken: readonly string[];
}

/** Reads every accepted job, and holds it against what the model server has counted. `accepted` has ids by ordinal. */
export async function judge(
  api: ApiClient,
  accepted: ReadonlyMap<number, string>,
  calls: readonly ModelCall[],
  lives: readonly Life[],
): Promise<Verdict> {
  const maxAttempts = await api.maxAttempts();
  const logs: JobEvent[][] = [];
  const figures = noFigures();
  const endings: Partial<Record<Ending, number>> = {};
  const lost: string[] = [];
  const broken: string[] = [];
  const byStep = Map.groupBy(calls, ({ job, step }) => `${job}/${step}`);
  for (const [n, id] of accepted) {
    const read = await readJob(api, tenantOf(n), id);
    if (read === undefined) {
      lost.push(`lost: job ${id} (submission ${n}) was accepted and is not there`);
      continue;
    }
    if (read instanceof ApiError) {
      broken.push(`${id} cannot be read: ${read.message}`);
      continue;
    }
    const { job, log } = read;
    logs.push(log);
    const judged = judgeJob(n, job, log, maxAttempts);
    endings[judged.ending] = (endings[judged.ending] ?? 0) + 1;
    broken.push(...judged.broken);
    for (const step of stepsOf(log)) {
      const key = `${id}/${step.id}`;
      broken.push(...accountFor(id, step, byStep.get(key) ?? [], lives, figures));
      byStep.delete(key);
    }
  }
  for (const [key, strays] of byStep) broken.push(`${key}: ${strays.length} calls of a step that no log has`);
  broken.push(...offBalance(figures));
  return { logs, figures, endings, lost, doubled: await doubledOf(api, accepted), broken };
}

async function readJob(api: ApiClient, tenant: string, id: string) {
  try {
    const [job, log] = await Promise.all([api.job(tenant, id), api.events(tenant, id)]);
    return job && { job, log };
  } catch (error) {
    if (error instanceof ApiError) return error;
    throw error;
  }
}

/** The sums that the rules for each step come to. */
function offBalance({ modelSteps, attempts, calls, unreached, reruns, failed, throttled }: Figures): string[] {
  const broken: string[] = [];
  const reasons = modelSteps + reruns + failed + throttled;
  if (attempts !== reasons) broken.push(`${attempts} attempts, and on record are reasons for ${reasons}`);
  if (calls !== attempts - unreached) broken.push(`${calls} calls of the model for ${attempts - unreached} attempts`);
  return broken;
}

async function doubledOf(api: ApiClient, accepted: ReadonlyMap<number, string>): Promise<string[]> {
  const doubled: string[] = [];
  const known = new Set<string>();
  for (const [n, id] of accepted) {
    if (known.has(id)) doubled.push(`doubled: submission ${n} was answered with job ${id}, which is another's`);
    known.add(id);
  }
  for (const tenant of TENANTS) {
    for (const { id } of await api.jobs(tenant)) {
      if (!known.has(id)) doubled.push(`doubled: job ${id} is there, and no submission was answered with it`);
    }
  }
  return doubled;
}
