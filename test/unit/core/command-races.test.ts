import { beforeEach, describe, expect, it } from "vitest";
import { type EventBody, isTerminal } from "../../../src/contract/events.ts";
import { decideCancel, decideDiscard, decideRedrive } from "../../../src/core/commands.ts";
import { StepFailedError } from "../../../src/core/errors.ts";
import type { JobWriter } from "../../../src/core/job-writer.ts";
import { isEnded } from "../../../src/core/state.ts";
import { clock, conflicts, create, drive, events, open, received, stored, types, writer } from "./embedded-writers.ts";
import { appOf, completed, deadLettered, echo, failed, JOB, started } from "./fixtures.ts";

/** Catches what it was told of the first step, and tells the second of it. */
const app = appOf(async (job) => {
  const first = await job
    .step("a", echo, 1)
    .catch((error: unknown) => (error instanceof StepFailedError ? error.info.message : "?"));
  return job.step("b", echo, first);
});

/** A worker that still holds what it began records its result, as `holds` has it. */
const complete = (jobs: JobWriter) =>
  jobs.update(JOB, (state) => {
    const holds = !isEnded(state) && state.steps.get("a")?.status === "running";
    return { events: holds ? [completed("a", "done")] : [], result: holds };
  });
const cancel = (jobs: JobWriter, reason?: string) => jobs.update(JOB, (state) => decideCancel(state, reason));
const redrive = (jobs: JobWriter, command = {}) =>
  jobs.update(JOB, (state, nowMs) => decideRedrive(state, command, app, nowMs));
const discard = (jobs: JobWriter, reason: string) => jobs.update(JOB, (state) => decideDiscard(state, { reason }));
const append = (jobs: JobWriter, ...added: EventBody[]) =>
  drive(jobs.update(JOB, () => ({ events: added, result: undefined })));
const countOf = async (type: EventBody["type"]) => (await types()).filter((each) => each === type).length;

beforeEach(() => open(app));

/** Two processes; each knows the job as it is now. */
async function two(...log: EventBody[]): Promise<[JobWriter, JobWriter]> {
  const [one, other] = [writer(app), writer(app)];
  await create(one);
  await append(one, ...log);
  await drive(other.update(JOB, () => ({ events: [{ type: "value.recorded", valueId: "v", value: 1 }], result: 1 })));
  await drive(one.update(JOB, () => ({ events: [], result: 1 })));
  await received("echo");
  return [one, other];
}

const lost = [started("a"), failed("a", { final: true }), deadLettered("a")];

describe("a cancel", () => {
  it("that comes first ends the job: the result of the call that ran is not recorded", async () => {
    const [one, other] = await two(started("a"));
    await drive(cancel(one, "changed my mind"));
    expect(await drive(complete(other))).toBe(false);
    expect((await events()).at(-1)).toEqual({ type: "job.cancelled", reason: "changed my mind" });
    expect(await countOf("step.completed")).toBe(0);
    expect(conflicts).toBe(1);
  });

  it("that comes second keeps the result, and stops what follows from it", async () => {
    const [one, other] = await two(started("a"));
    expect(await drive(complete(other))).toBe(true);
    await drive(cancel(one));
    expect((await stored()).steps.get("b")?.status).toBe("requested");
    expect((await types()).slice(-3)).toEqual(["step.completed", "step.requested", "job.cancelled"]);
  });

  it("at the same moment as a result loses or wins, and the log has one end", async () => {
    const [one, other] = await two(started("a"));
    const [, recorded] = await drive(Promise.all([cancel(one), complete(other), cancel(other), cancel(one, "again")]));
    expect(await countOf("step.completed")).toBe(recorded ? 1 : 0);
    expect((await events()).filter(isTerminal)).toEqual([{ type: "job.cancelled" }]);
  });

  it("of a job that has come to its end meanwhile leaves it as it is", async () => {
    const [one, other] = await two(started("a"));
    await drive(complete(other));
    await append(other, started("b"), completed("b", "B"));
    await drive(cancel(one));
    expect(await stored()).toMatchObject({ status: "completed", output: "B" });
  });
});

describe("a redrive", () => {
  it("asked for by many at the same moment is done once", async () => {
    const [one, other] = await two(...lost);
    const taken = await drive(Promise.all([redrive(one), redrive(other), redrive(one), redrive(other)]));
    expect(taken.map((letters) => letters.length).sort()).toEqual([0, 0, 0, 1]);
    expect(await countOf("step.redriven")).toBe(1);
    expect((await received("echo")).map(({ detail }) => detail.stepIds)).toEqual([["a"]]);
  });

  it("after a cancel is refused, whatever its process remembers", async () => {
    const [one, other] = await two(...lost);
    await drive(cancel(other));
    await expect(drive(redrive(one))).rejects.toThrow("is cancelled: nothing of it waits any more");
    expect(await countOf("step.redriven")).toBe(0);
  });

  it("and a discard at the same moment: one of them, and the other takes nothing", async () => {
    const [one, other] = await two(...lost);
    const [redriven, discarded] = await drive(Promise.all([redrive(one), discard(other, "no use")]));
    expect(redriven.length + discarded.length).toBe(1);
    expect((await countOf("step.redriven")) + (await countOf("step.discarded"))).toBe(1);
  });

  it("that is late, of a step that a person has answered, changes nothing", async () => {
    const [one, other] = await two(...lost);
    await drive(redrive(other, { stepId: "a", result: "by hand" }));
    expect(await drive(redrive(one, { stepId: "a", seq: 5 }))).toEqual([]);
    expect(await countOf("step.redriven")).toBe(0);
  });
});

describe("the workflow goes on in the same commit", () => {
  it("with the answer that a person gives", async () => {
    const [one] = await two(...lost);
    await drive(redrive(one, { stepId: "a", result: "by hand" }));
    const { steps, status } = await stored();
    expect(steps.get("b")).toMatchObject({ status: "requested", input: "by hand" });
    expect(status).toBe("running");
    await clock.advance(0);
    expect((await received("echo")).map(({ detail }) => detail.stepIds)).toEqual([["b"]]);
  });

  it("with the failure that a discard is to it", async () => {
    const [one] = await two(...lost);
    await drive(discard(one, "no use"));
    expect((await stored()).steps.get("b")).toMatchObject({ status: "requested", input: "no use" });
  });
});
