import { describe, expect } from "vitest";
import { jobOf, pathsOf, problemOf } from "./caller.ts";
import { test } from "./suite.ts";

const path = (id: string, name = "approval"): string => `v1/jobs/${id}/signals/${name}`;

describe("a job that waits for a signal", () => {
  test("can be seen to wait, and goes on with what it was sent", async ({ api }) => {
    const { id } = await api.submit("trial", { mode: "is-signalled", text: "" });
    const waiting = await api.job(id);
    expect(waiting).toMatchObject({ status: "running", steps: [], signals: [{ name: "approval", status: "awaited" }] });
    const sent = (await (await api.send(path(id), { payload: { by: "ada" }, reason: "looks right" })).json()) as object;
    expect(sent).toMatchObject({ id, signals: [{ name: "approval", status: "received" }] });
    expect(await api.settled(id)).toMatchObject({ status: "completed", result: { text: "ada: fine" } });
    expect((await api.events(id)).slice(0, 4)).toMatchObject([
      { type: "job.submitted" },
      { type: "signal.requested", signal: "approval" },
      { type: "signal.received", signal: "approval", payload: { by: "ada", note: "fine" }, reason: "looks right" },
      { type: "step.requested" },
    ]);
  });

  test("takes one that came before it was waited for", async ({ api }) => {
    const { id } = await api.submit("trial", { mode: "is-signalled-late", text: "by", size: 3_000 });
    await api.send(path(id), { payload: { by: "eve" } });
    const job = await api.settled(id);
    expect(job).toMatchObject({ status: "completed", result: { text: "by eve" }, signals: [{ status: "received" }] });
    expect((await api.events(id)).map(({ type }) => type)).not.toContain("signal.requested");
  });

  test("takes the first of a name: the same again is harmless, another is a 409", async ({ api }) => {
    const { id } = await api.submit("trial", { mode: "is-signalled", text: "" });
    const first = await Promise.all(
      Array.from({ length: 5 }, () => api.send(path(id), { payload: { by: "ada", note: "x" } })),
    );
    expect(first.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
    await api.settled(id);
    expect((await api.send(path(id), { payload: { note: "x", by: "ada" } })).status).toBe(200);
    const problem = await problemOf(await api.send(path(id), { payload: { by: "eve" } }));
    expect(problem).toMatchObject({ status: 409 });
    const received = (await api.events(id)).filter(({ type }) => type === "signal.received");
    expect(received).toHaveLength(1);
  });

  test("is kept by a fork with what it was sent", async ({ api }) => {
    const { id } = await api.submit("trial", { mode: "is-signalled", text: "" });
    await api.send(path(id), { payload: { by: "ada" } });
    await api.settled(id);
    const fork = await jobOf(await api.send(`v1/jobs/${id}/fork`, { after: "after" }));
    expect(await api.settled(fork.id)).toMatchObject({ status: "completed", result: { text: "ada: fine" } });
  });
});

describe("a signal", () => {
  test("that its workflow does not take is a 422 that names those it takes", async ({ api }) => {
    const { id } = await api.submit("trial", { mode: "is-signalled", text: "" });
    const unknown = await problemOf(await api.send(path(id, "approved"), { payload: {} }));
    expect(unknown.status).toBe(422);
    expect(unknown.detail).toContain("approval, other");
    const wrong = await problemOf(await api.send(path(id), { payload: { by: 7 } }));
    expect(wrong.status).toBe(422);
    expect(pathsOf(wrong)).toEqual(["/payload/by"]);
    expect((await problemOf(await api.send(path(id), {}))).status).toBe(422);
    expect((await problemOf(await api.send(path(id, "Approval")))).status).toBe(400);
    expect((await problemOf(await api.send(path(id), { payload: {}, extra: 1 }))).status).toBe(400);
    await api.command(id, "cancel");
    expect((await problemOf(await api.send(path(id), { payload: { by: "ada" } }))).status).toBe(409);
  });

  test("to a job that is not there, or another tenant's, is a 404", async ({ api, other }) => {
    const { id } = await api.submit("trial", { mode: "is-signalled", text: "" });
    expect((await other.send(path(id), { payload: { by: "eve" } })).status).toBe(404);
    expect((await api.send(path(`job_${"a".repeat(26)}`), { payload: { by: "eve" } })).status).toBe(404);
    expect(await api.job(id)).toMatchObject({ signals: [{ status: "awaited" }] });
    await api.command(id, "cancel");
  });
});
