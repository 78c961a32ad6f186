import { expect } from "vitest";
import { test } from "./suite.ts";

/** A flood: it takes its capability seconds, and is submitted in less. */
const JOBS = 200;
const CALL_MS = 40;
/** Submissions at once. */
const LANES = 8;
/** As many calls as the capability makes at once, and then some. */
const FEW = 12;

/** Everything that is to be done, by so many at once. */
async function inLanes<T>(acts: readonly (() => Promise<T>)[]): Promise<T[]> {
  const results: T[] = [];
  const left = acts.entries();
  const lane = async (): Promise<void> => {
    for (const [index, act] of left) results[index] = await act();
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  return results;
}

test("one tenant's flood does not keep another tenant's single job waiting", async ({ api, other }) => {
  const input = { mode: "sleeps", text: "theirs", size: CALL_MS };
  const theirs = await inLanes(Array.from({ length: JOBS }, () => () => other.submit("trial", input)));
  const job = await api.run("trial", { ...input, text: "mine" });
  expect(job.status).toBe("completed");
  const settled = await inLanes(
    theirs.map(
      ({ id }) =>
        () =>
          other.settled(id),
    ),
  );
  // Compared is who was done before whom, not how long it took: all of it is the server's own time.
  const waited = settled.filter(({ updatedAt }) => updatedAt > job.createdAt);
  const before = waited.filter(({ updatedAt }) => updatedAt < job.updatedAt);
  expect(waited.length, "jobs of the flood that were there before it, and not done").toBeGreaterThan(3 * FEW);
  expect(before.length, "of them, those that were done before it").toBeLessThanOrEqual(FEW);
});
