import { expect } from "vitest";
import type { JobView } from "../../src/contract/api.ts";
import { test } from "./suite.ts";

/** As many calls as the capability makes at once, and then some. */
const FEW = 12;

test("one tenant's flood does not keep another tenant's single job waiting", async ({ api, other }) => {
  const flood = Array.from({ length: other.patience.flood }, (_, n) => ({ mode: "sleeps", text: `n${n}`, size: 50 }));
  const theirs = await Promise.all(flood.map((input) => other.submit("trial", input)));
  const job = await api.run("trial", { mode: "sleeps", text: "mine", size: 50 });
  expect(job.status).toBe("completed");
  const settled: JobView[] = [];
  for (const { id } of theirs) settled.push(await other.settled(id));
  // Compared is who was done before whom, not how long it took: all of it is the server's own time.
  const waited = settled.filter(({ updatedAt }) => updatedAt > job.createdAt);
  const before = waited.filter(({ updatedAt }) => updatedAt < job.updatedAt);
  expect(waited.length, "jobs of the flood that were there before it, and not done").toBeGreaterThan(3 * FEW);
  expect(before.length, "of them, those that were done before it").toBeLessThanOrEqual(FEW);
});
