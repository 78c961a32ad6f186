import { describe, expect } from "vitest";
import { type DeadLetterView, EventPage, RedrivenList } from "../../src/contract/api.ts";
import { type Caller, pathsOf, problemOf } from "./caller.ts";
import { test, unique } from "./suite.ts";

/** All pages of the list. */
async function allLetters(api: Caller, query: string): Promise<DeadLetterView[]> {
  const letters: DeadLetterView[] = [];
  let cursor = "";
  for (let pages = 0; pages < 50; pages++) {
    const page = await api.deadLetters(`?${query}${cursor}`);
    letters.push(...page.deadLetters);
    if (page.next === undefined) break;
    cursor = `&cursor=${encodeURIComponent(page.next)}`;
  }
  return letters;
}

/** Waits until the list has so many of an error of one's own. */
const lettersOf = (api: Caller, error: string, count: number): Promise<DeadLetterView[]> =>
  api.late(
    "the dead letters",
    () => allLetters(api, `error=${error}&limit=100`),
    (letters) => letters.length === count,
  );

const named = async (api: Caller, error: string, count: number): Promise<string[]> => {
  const input = { mode: "fails-by-name", text: error };
  const jobs = await Promise.all(Array.from({ length: count }, () => api.run("trial", input)));
  return jobs.map(({ id }) => id);
};

const idsOf = (letters: readonly DeadLetterView[]): string[] => letters.map(({ jobId }) => jobId).toSorted();

describe("the dead letters", () => {
  test("say what was given up, with its attempts, errors and input, and what its job has used", async ({ api }) => {
    const job = await api.run("trial", { mode: "second-fails", text: "one two" });
    const [letter] = await api.late(
      "the dead letter",
      async () => (await allLetters(api, "limit=100")).filter(({ jobId }) => jobId === job.id),
      ({ length }) => length > 0,
    );
    const second = job.steps.find(({ id }) => id === "second");
    expect(letter).toEqual({
      jobId: job.id,
      workflow: "trial",
      stepId: "second",
      capability: "fragile",
      seq: second?.deadLetterSeq,
      at: job.updatedAt,
      attempts: second?.attempts,
      error: { name: "Error", message: "paid for nothing" },
      input: { text: "one two", fate: "pays-and-fails" },
      // Of the answer before it, and of two calls that came to nothing.
      usage: { model: "conformance", inputTokens: 3 + 2 * 5, outputTokens: 4 + 2 * 1 },
      deadline: job.deadline,
      links: job.links,
    });
    expect(letter?.attempts).toHaveLength(2);
  });

  test("have a link to an input that is too large for a list", async ({ api }) => {
    const text = `${unique()}${"x".repeat(5_000)}`;
    const job = await api.run("trial", { mode: "always-fails", text });
    const [letter] = await api.late(
      "the dead letter",
      async () => (await allLetters(api, "limit=100")).filter(({ jobId }) => jobId === job.id),
      ({ length }) => length > 0,
    );
    expect(letter).not.toHaveProperty("input");
    expect(letter?.inputBytes).toBeGreaterThan(5_000);
    const { events } = EventPage.parse(await (await api.get(letter?.links.input ?? "")).json());
    expect(events).toMatchObject([{ type: "step.requested", stepId: "only", input: { text } }]);
  });

  test("have workflows that cannot go on, with their job's input", async ({ api }) => {
    const text = unique();
    const job = await api.run("trial", { mode: "throws", text });
    const [letter] = await api.late(
      "the dead letter",
      async () => (await allLetters(api, "capability=@advance&limit=100")).filter(({ jobId }) => jobId === job.id),
      ({ length }) => length > 0,
    );
    expect(letter).toMatchObject({
      stepId: "@advance",
      error: { name: "WorkflowError" },
      input: { text },
      attempts: [],
    });
  });

  test("are the tenant's own", async ({ api, other }) => {
    const error = unique();
    const [mine] = await Promise.all([named(api, error, 1), named(other, error, 1)]);
    expect(idsOf(await lettersOf(api, error, 1))).toEqual(mine);
    const theirs = await lettersOf(other, error, 1);
    expect(idsOf(theirs)).not.toEqual(mine);
  });

  test("can be filtered by workflow, capability and error, and read page by page, none twice", async ({ api }) => {
    const error = unique();
    const ids = await named(api, error, 3);
    await lettersOf(api, error, 3);
    for (const filter of ["workflow=trial", "capability=fragile", "workflow=trial&capability=fragile"]) {
      expect(idsOf(await allLetters(api, `error=${error}&${filter}&limit=100`)), filter).toEqual(ids.toSorted());
    }
    for (const filter of ["workflow=echo", "capability=slow"]) {
      expect(await allLetters(api, `error=${error}&${filter}&limit=100`), filter).toEqual([]);
    }
    expect(idsOf(await allLetters(api, `error=${error}&limit=2`))).toEqual(ids.toSorted());
  });
});

test.for<[string, string[]]>([
  ["v1/dead-letters?foo=1", ["foo"]],
  ["v1/dead-letters?limit=0", ["limit"]],
  ["v1/dead-letters?limit=101", ["limit"]],
  ["v1/dead-letters?cursor=bm9uc2Vuc2U", ["cursor"]],
  ["v1/dead-letters?error=", ["error"]],
])("GET %s is a 400 that names %j", async ([path, paths], { api }) => {
  const problem = await problemOf(await api.get(path));
  expect(problem.status).toBe(400);
  expect(pathsOf(problem)).toEqual(paths);
});

describe("redriving by filter", () => {
  const redriveAll = async (api: Caller, body: object): Promise<RedrivenList["redriven"]> => {
    const redriven: RedrivenList["redriven"] = [];
    let page: RedrivenList | undefined;
    do {
      const cursor: object = page?.next === undefined ? {} : { cursor: page.next };
      const response = await api.send("v1/dead-letters/redrive", { limit: 200, ...body, ...cursor });
      expect(response.status).toBe(200);
      page = RedrivenList.parse(await response.json());
      redriven.push(...page.redriven);
    } while (page.next !== undefined);
    return redriven;
  };

  test("takes what the filter names and nothing else, one after the other at its rate", async ({ api }) => {
    const [error, another] = [unique(), unique()];
    const [ids, [left = ""]] = await Promise.all([named(api, error, 4), named(api, another, 1)]);
    await lettersOf(api, error, 4);
    expect(await redriveAll(api, { error, capability: "slow" })).toEqual([]);
    const redriven = await redriveAll(api, { error, ratePerSecond: 2, reason: "the provider is back" });
    expect(redriven.map(({ jobId }) => jobId).toSorted()).toEqual(ids.toSorted());
    const times = redriven.map(({ notBefore }) => Date.parse(notBefore));
    expect(times.map((time) => time - (times[0] ?? 0))).toEqual([0, 500, 1_000, 1_500]);
    for (const { jobId, stepId, notBefore } of redriven) {
      const job = await api.settled(jobId);
      expect(job).toMatchObject({ status: "completed", result: { text: error } });
      const third = job.steps[0]?.attempts[2]?.startedAt ?? "";
      expect(Date.parse(third), `${jobId} ${stepId}`).toBeGreaterThanOrEqual(Date.parse(notBefore));
      const decision = (await api.events(jobId)).find((event) => event.type === "step.redriven");
      expect(decision).toMatchObject({ by: "api", base: 2, reason: "the provider is back" });
    }
    expect(await api.job(left)).toMatchObject({ status: "dead-lettered" });
    await lettersOf(api, error, 0);
  });

  test("goes on where the last answer has ended", async ({ api }) => {
    const error = unique();
    const ids = await named(api, error, 3);
    await lettersOf(api, error, 3);
    const redriven = await redriveAll(api, { error, limit: 1 });
    expect(redriven.map(({ jobId }) => jobId).toSorted()).toEqual(ids.toSorted());
    for (const id of ids) expect(await api.settled(id)).toMatchObject({ status: "completed" });
  });

  test("leaves another tenant's alone", async ({ api, other }) => {
    const error = unique();
    const [mine = ""] = await named(api, error, 1);
    await lettersOf(api, error, 1);
    expect(await redriveAll(other, { error })).toEqual([]);
    expect(await api.job(mine)).toMatchObject({ status: "dead-lettered" });
  });

  test.for<[object, string[]]>([
    [{ limit: 0 }, ["/limit"]],
    [{ limit: 201 }, ["/limit"]],
    [{ ratePerSecond: 0 }, ["/ratePerSecond"]],
    [{ cursor: "bm9uc2Vuc2U" }, ["cursor"]],
    [{ all: true }, [""]],
  ])("%j is a 400 that names %j", async ([body, paths], { api }) => {
    const problem = await problemOf(await api.send("v1/dead-letters/redrive", body));
    expect(problem.status).toBe(400);
    expect(pathsOf(problem)).toEqual(paths);
  });
});
