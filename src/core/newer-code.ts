import type { JobState } from "./state.ts";

/** Far longer than any message waits for a worker of the newer deployment, if there is one. */
const GONE_MS = 900_000;

/**
 * Whether a deployment with a greater number than `deploySeq` has worked on the job and goes on with it (rule 7). One that
 * has let the job rest for a quarter of an hour is gone: a rollback may have brought back code that kept its old number,
 * and no job may wait for ever.
 */
export const isLeftToNewerCode = (
  state: Pick<JobState, "deploySeq" | "updatedAt">,
  deploySeq: number,
  nowMs: number,
): boolean => state.deploySeq > deploySeq && nowMs - Date.parse(state.updatedAt) < GONE_MS;
