import type { JobView } from "../../src/contract/api.ts";
import type { JobEvent } from "../../src/contract/events.ts";
import { problemsOf, sealing } from "../../src/testing/verify-log.ts";
import { ENDS } from "./shapes.ts";
import { type StepHistory, stepsOf } from "./step-history.ts";

/** How a job ended: as its workflow is meant to, or held for a person because too many of its attempts were in doubt. */
export type Ending = JobView["status"] | "held";

/** Nothing of it will move any more. */
export const isAtRest = ({ status, steps }: JobView): boolean =>
  status !== "running" && (status !== "dead-lettered" || !steps.some((step) => OPEN.includes(step.status)));

const OPEN: readonly JobView["steps"][number]["status"][] = ["requested", "running", "retrying"];

/** What is wrong with a job by itself: its end, its log. `n` is the ordinal that it was submitted with. */
export function judgeJob(
  n: number,
  job: JobView,
  log: readonly JobEvent[],
  maxAttempts: ReadonlyMap<string, number>,
): { readonly ending: Ending; readonly broken: readonly string[] } {
  const lines = [{ sluiceLog: 1, job }, ...log].map((line) => JSON.stringify(line));
  const seal = sealing();
  for (const line of lines) seal.add(line);
  const broken = problemsOf([...lines, seal.end()].join("\n"), maxAttempts);
  const [first] = log;
  const { n: recorded } = (first?.type === "job.submitted" ? first.input : {}) as { readonly n?: number };
  if (recorded !== n) broken.push(`was submitted as ${n}, and is on record as ${recorded}`);
  const held = job.status === "dead-lettered" && stepsOf(log).some(isHeld);
  const expected = ENDS[job.workflow];
  if (job.status !== expected && !held) broken.push(`is ${job.status}; a ${job.workflow} job is to be ${expected}`);
  return {
    ending: held && expected !== "dead-lettered" ? "held" : job.status,
    broken: broken.map((what) => `${job.id} (${job.workflow}): ${what}`),
  };
}

/** Given up for its attempts in doubt alone, each of them on record: the engine's own limit of such reruns. */
const isHeld = ({ deadLettered, attempts }: StepHistory): boolean => {
  const end = attempts.at(-1)?.end;
  return deadLettered && end?.type === "step.in_doubt" && end.policy === "hold";
};
