import { describe, expect, test } from "vitest";
import { SluiceClient } from "../../client/index.ts";
import { runHere } from "./command-line.ts";
import { serve } from "./embedded.ts";
import { httpSide, JOB_ID, json } from "./follower.ts";

const time = "2026-01-01T00:00:00.000Z";
const view = { id: JOB_ID, workflow: "x", createdAt: time, updatedAt: time, steps: [], usage: {}, seq: 1 };

describe("submit --wait", () => {
  /** A server that answers when its patience ends: with what it had when the job was submitted, and at the next look with this. */
  const waitedFor = async (status: string, more: object = {}) => {
    await using side = await httpSide((request, response) =>
      json(response, 200, { ...view, ...(request.method === "POST" ? { status: "running" } : { status, ...more }) }),
    );
    return await runHere(side.url, ["submit", "x", "--wait", "1"]);
  };

  test("ends with 5 where the job waits for a person by then", async () => {
    const { code, out, err } = await waitedFor("dead-lettered");
    expect({ code, out }).toEqual({ code: 5, out: `${JOB_ID}\n` });
    expect(err).toMatch(/^waits for a person: npx sluice explain job_/);
  });

  test("tells the error of a job that has failed", async () => {
    const error = { name: "BudgetError", message: "too much" };
    expect(await waitedFor("failed", { error })).toMatchObject({ code: 1, err: "failed: BudgetError: too much\n" });
  });

  test("ends with 0 where the job goes on", async () => {
    expect(await waitedFor("running")).toMatchObject({ code: 0, err: `npx sluice watch ${JOB_ID}\n` });
  });
});

describe("ends with 2, at once and without the secret, where nothing can be sent", () => {
  test.each([
    [["list"], { SLUICE_KEY: "top-secret\nkey" }],
    [["list"], { SLUICE_TENANT: "top-secret\u2026" }],
    [["list", "--url", "http://user:top-secret@127.0.0.1:9"], {}],
    [["list", "--url", "ftp://user:top-secret@127.0.0.1:9"], {}],
    [["submit", "x", "--idempotency-key", "a\nb"], {}],
  ])("%j %j", async (args, env) => {
    const { code, out, err } = await runHere("http://127.0.0.1:9", args, { env });
    expect({ code, out }).toEqual({ code: 2, out: "" });
    expect(err).not.toBe("");
    expect(err).not.toContain("top-secret");
  });
});

describe("what a command is given", () => {
  test("as --limit must be 1 at least", async () => {
    for (const command of ["list", "dead-letters"]) {
      expect(await runHere("http://127.0.0.1:9", [command, "--limit", "0"])).toMatchObject({ code: 2, out: "" });
    }
  });

  test("as --after past the log's end is refused, as events does", async () => {
    await using served = await serve();
    const job = await new SluiceClient({ url: served.url }).submit("step-throws", { text: "x" });
    for await (const { type } of job.events()) if (type === "step.dead_lettered") break;
    for (const command of [["watch"], ["events"], ["events", "--follow"]]) {
      expect(await runHere(served.url, [...command, job.id, "--after", "99"])).toMatchObject({ code: 3, out: "" });
    }
    await job.cancel();
    for (const command of [["watch"], ["events"], ["events", "--follow"]]) {
      expect(await runHere(served.url, [...command, job.id, "--after", "99"])).toMatchObject({ code: 3, out: "" });
    }
    expect(await runHere(served.url, ["events", job.id, "--follow"])).toMatchObject({ code: 0 });
  });

  test("that it has no use for is refused, and not in its help", async () => {
    expect(await runHere("http://127.0.0.1:9", ["verify", "x", "--json"])).toMatchObject({ code: 2, out: "" });
    expect(await runHere("http://127.0.0.1:9", ["export", JOB_ID, "--json"])).toMatchObject({ code: 2, out: "" });
    const { out } = await runHere("http://127.0.0.1:9", ["verify", "--help"]);
    expect(out).not.toMatch(/--json|--url|--key/);
    expect((await runHere("http://127.0.0.1:9", ["export", "--help"])).out).toMatch(/--url .*\n.*--key /);
  });
});
