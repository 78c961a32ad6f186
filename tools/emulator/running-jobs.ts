import type { JobView } from "../../src/contract/api.ts";
import type { Api } from "./api.ts";

const EVERY_MS = 700;
const STEP_MS = 400;

/** Has jobs under way while something is done: submitted all the time, until it is done. Resolves with all of them, ended. */
export async function withRunningJobs(api: Api, act: () => Promise<void>): Promise<JobView[]> {
  const ids: string[] = [];
  let done = false;
  const submitting = (async () => {
    while (!done) {
      const { id } = await api.submit("trial", { mode: "sleeps", text: "under way", size: STEP_MS });
      ids.push(id);
      await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
    }
  })();
  const acting = act().finally(() => {
    done = true;
  });
  await Promise.all([acting, submitting]);
  const jobs: JobView[] = [];
  // One after the other: a deployment on a busy machine takes a hundred jobs' time, and the emulator has a process for each caller at once.
  for (const id of ids) jobs.push(await api.settled(id));
  return jobs;
}
