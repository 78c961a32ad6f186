import { expect, test } from "vitest";
import { redriveAll } from "../../../lambdas/dead-letters/dead-letters.ts";
import { RedriveAllRequest } from "../../../src/contract/api.ts";
import type { EventBody } from "../../../src/contract/events.ts";
import { giveUp } from "../../../src/core/give-up.ts";
import type { StepState } from "../../../src/core/state.ts";
import { TerminalError } from "../../../src/index.ts";
import { jobOfOneStep, TENANT } from "./job-of-one-step.ts";

/** A job of two steps, of which the first was called by a process that died in the call. */
async function halfCalled(onInDoubt: "hold" | "rerun" = "hold") {
  const job = await jobOfOneStep(
    () => {
      throw new TerminalError("no");
    },
    { steps: 2, onInDoubt },
  );
  await job.runtime.writer.update(job.jobId, (_, nowMs) => {
    const lease = { holder: "somebody who died", until: new Date(nowMs + 1_000).toISOString() };
    return {
      events: [{ type: "step.started", stepId: "s/0", capability: "only", attempt: 1, lease }],
      result: undefined,
    };
  });
  await job.clock.advance(60_000);
  const ofStep = (id: string) => ({ detail: { ...job.detail, stepIds: [id] } });
  await job.come(job.runtime, ofStep("s/1"));
  const redrive = (filter: object) => redriveAll(TENANT, RedriveAllRequest.parse(filter), job.runtime);
  return { ...job, ofStep, redrive };
}

type HalfCalled = Awaited<ReturnType<typeof halfCalled>>;

const setAside = ({ runtime, jobId }: HalfCalled) =>
  runtime.writer.update(jobId, ({ steps }) => {
    const error = { name: "SetAsideError", message: "nobody came to an end with it" };
    return { events: giveUp(steps.get("s/0") as StepState, error), result: undefined };
  });

/** It was asked for the answer that the provider had kept, which is gone. */
const notKept = ({ runtime, jobId }: HalfCalled) =>
  runtime.writer.update(jobId, (_, nowMs) => {
    const about = { stepId: "s/0", capability: "only" };
    const lease = { holder: "another", until: new Date(nowMs + 1_000).toISOString() };
    const error = { name: "InDoubtError", message: "its provider does not keep it any more" };
    const events: EventBody[] = [
      { type: "step.in_doubt", ...about, attempt: 1, policy: "reattach" },
      { type: "step.started", ...about, attempt: 2, lease },
      { type: "step.failed", ...about, attempt: 2, error, counts: true, final: true },
      { type: "step.dead_lettered", ...about, attempt: 2, error },
    ];
    return { events, result: undefined };
  });

test.each<[string, string, boolean, (job: HalfCalled) => Promise<unknown>]>([
  ["that its capability holds", "InDoubtError", true, (job) => job.come(job.runtime, job.ofStep("s/0"))],
  ["whose message was set aside", "SetAsideError", false, setAside],
  ["that its provider does not keep any more", "InDoubtError", true, notKept],
])(
  "a call in doubt %s is left out of a redrive by filter, unless that names what is in doubt",
  async (_, error, isNamed, hold) => {
    const job = await halfCalled();
    await hold(job);
    expect((await job.state()).steps.get("s/0")).toMatchObject({ status: "dead-lettered", error: { name: error } });
    expect(await job.redrive({ error: "TerminalError", capability: "none" })).toMatchObject({
      redriven: [],
      inDoubt: 0,
    });
    for (const stepIds of [["s/1"], []]) {
      const { redriven, inDoubt } = await job.redrive({});
      expect(redriven.map(({ stepId }) => stepId)).toEqual(stepIds);
      expect(inDoubt).toBe(1);
    }
    expect((await job.state()).steps.get("s/0")?.status).toBe("dead-lettered");
    const named = await job.redrive({ error });
    expect(named).toMatchObject(isNamed ? { redriven: [{ stepId: "s/0" }], inDoubt: 0 } : { redriven: [], inDoubt: 1 });
  },
);

test("a call in doubt that its capability would have repeated is redriven by filter once its message was set aside", async () => {
  const job = await halfCalled("rerun");
  await setAside(job);
  expect(await job.redrive({ error: "SetAsideError" })).toMatchObject({ redriven: [{ stepId: "s/0" }], inDoubt: 0 });
});
