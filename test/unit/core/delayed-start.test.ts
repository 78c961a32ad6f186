import { beforeEach, describe, expect, it } from "vitest";
import type { EventBody } from "../../../src/contract/events.ts";
import { advanceQueue } from "../../../src/contract/messages.ts";
import type { App } from "../../../src/core/define-app.ts";
import type { JobWriter } from "../../../src/core/job-writer.ts";
import { nextTimeMs } from "../../../src/core/state.ts";
import { clock, create, drive, engine, open, received, stored, types, writer } from "./embedded-writers.ts";
import { appOf, at, completed, echo, JOB, requested, submitted, T0_MS, TENANT } from "./fixtures.ts";

const HOUR_MS = 3_600_000;
const app = appOf(async (job) => [await job.step("a", echo, 1), await job.step("b", echo, 2)]);
const ask = (jobs: JobWriter) => drive(jobs.update(JOB, () => ({ events: [], result: undefined, advance: true })));

beforeEach(() => open(app));

describe("a job with a start of its own", () => {
  it("asks for nothing before, however often it is asked to go on, and for all of it from then on", async () => {
    const jobs = writer(app);
    await create(jobs, { startAt: at(5_000) });
    expect(await types()).toEqual(["job.submitted"]);
    await clock.advance(4_999);
    await ask(jobs);
    expect(await types()).toEqual(["job.submitted"]);
    await clock.advance(1);
    await ask(jobs);
    expect(await types()).toEqual(["job.submitted", "step.requested"]);
  });

  it("is asked to begin by a message of its time, where a queue can hold one for so long", async () => {
    await create(writer(app), { startAt: at(5_000) });
    expect(await received(advanceQueue("flow"))).toEqual([]);
    await clock.advance(5_000);
    expect(await received(advanceQueue("flow"))).toMatchObject([{ detail: { jobId: JOB, at: T0_MS + 5_000 } }]);
  });

  it("further ahead is left to the reconciler", async () => {
    await create(writer(app), { startAt: at(HOUR_MS) });
    expect(nextTimeMs(await stored())).toBe(T0_MS + HOUR_MS);
    await clock.advance(HOUR_MS);
    expect(await received(advanceQueue("flow"))).toEqual([]);
  });

  it("has no next time of its own once it has begun", async () => {
    const jobs = writer(app);
    await create(jobs, { startAt: at(5_000) });
    await clock.advance(5_000);
    await ask(jobs);
    expect(nextTimeMs(await stored())).toBeUndefined();
  });

  it("whose workflow sleeps at its beginning next has that to wait for", async () => {
    const sleeper = appOf((job) => job.sleep("nap", 7_000));
    await start(sleeper, 5_000);
    expect(nextTimeMs(await stored())).toBe(T0_MS + 12_000);
  });

  it("that is over when it is submitted begins at once", async () => {
    await create(writer(app), { startAt: at(-1) });
    expect(await types()).toEqual(["job.submitted", "step.requested"]);
  });
});

describe("a fork with a start of its own", () => {
  const kept = [requested("a", { input: 1 }), { ...completed("a", "A", 0), by: "fork" } as EventBody];

  it("keeps what it has, and asks for the rest when its time has come", async () => {
    const jobs = writer(app);
    const event = submitted({ startAt: at(HOUR_MS) });
    await drive(jobs.create(JOB, TENANT, event, T0_MS + 60_000, () => undefined, { kept }));
    expect(await types()).toEqual(["job.submitted", "step.requested", "step.completed"]);
    expect(nextTimeMs(await stored())).toBe(T0_MS + HOUR_MS);
    expect(await received("echo")).toEqual([]);
    await clock.advance(HOUR_MS);
    await ask(jobs);
    expect((await stored()).steps.get("b")?.status).toBe("requested");
    expect(nextTimeMs(await stored())).toBeUndefined();
  });
});

async function start(of: App, startInMs: number): Promise<void> {
  open(of);
  const jobs = writer(of);
  await create(jobs, { startAt: at(startInMs) });
  await clock.advance(startInMs);
  await ask(jobs);
  expect((await engine.log.read(JOB)).length).toBe(2);
}
