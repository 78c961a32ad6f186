import { beforeEach, describe, expect, it } from "vitest";
import { type EventBody, isTerminal } from "../../../src/contract/events.ts";
import type { Message } from "../../../src/contract/messages.ts";
import { topics } from "../../../src/contract/messages.ts";
import { MAX_ADVANCE_FAILURES } from "../../../src/core/advance-draft.ts";
import type { App } from "../../../src/core/define-app.ts";
import { ContentionError, PublishingError, UnavailableError, UnknownJobError } from "../../../src/core/errors.ts";
import type { JobWriter, WriterDeps } from "../../../src/core/job-writer.ts";
import type {
  AppendOutcome,
  Delivery,
  Effects,
  EventLog,
  LocalWorkers,
  StoredCommit,
} from "../../../src/core/ports.ts";
import { advanceMessage } from "../../../src/core/publish.ts";
import { ADVANCE_STEP, isEnded, type JobState } from "../../../src/core/state.ts";
import { withSeed } from "../../../src/testing/random.ts";
import {
  clock,
  conflicts,
  create,
  drive,
  engine,
  events,
  open,
  received,
  stored,
  types,
  writer,
} from "./embedded-writers.ts";
import { appOf, completed, echo, JOB, started, submitted, T0_MS, TENANT } from "./fixtures.ts";

const oneStep = appOf((job) => job.step("a", echo, 1));
beforeEach(() => open(oneStep));

const wide = (count: number): App =>
  appOf(async (job) => {
    const all = await Promise.all(Array.from({ length: count }, (_, n) => job.step(`s${n}`, echo, n)));
    return all.length;
  });

const start = (jobs: JobWriter, id = "a") =>
  drive(jobs.update(JOB, () => ({ events: [started(id)], result: undefined })));
const complete = (jobs: JobWriter, id = "a") =>
  jobs.update(JOB, (state) => {
    if (isEnded(state) || state.steps.get(id)?.status !== "running") return { events: [], result: false };
    return { events: [completed(id, id)], result: true };
  });
/** A log whose answers, or whose writes, go wrong. */
class FaultyLog implements EventLog {
  readonly appends: StoredCommit[] = [];
  readonly #fault: (append: () => Promise<AppendOutcome>) => Promise<AppendOutcome>;

  constructor(fault: (append: () => Promise<AppendOutcome>) => Promise<AppendOutcome>) {
    this.#fault = fault;
  }

  append(commit: StoredCommit, effects?: Effects): Promise<AppendOutcome> {
    this.appends.push(commit);
    return this.#fault(() => engine.log.append(commit, effects));
  }

  read(...args: Parameters<EventLog["read"]>): ReturnType<EventLog["read"]> {
    return engine.log.read(...args);
  }

  tail(...args: Parameters<EventLog["tail"]>): ReturnType<EventLog["tail"]> {
    return engine.log.tail(...args);
  }
}

describe("creating a job", () => {
  it("makes log, list entry and messages of what the workflow asks for at once", async () => {
    const { view: state, created } = await create(writer(oneStep));
    expect(created).toBe(true);
    expect(state).toMatchObject({ jobId: JOB, tenant: TENANT, status: "running", seq: 2 });
    expect(await types()).toEqual(["job.submitted", "step.requested"]);
    expect((await engine.index.list({ tenant: TENANT, limit: 9 })).jobs).toMatchObject([
      { jobId: JOB, status: "running", wakeAtMs: T0_MS + 60_000 },
    ]);
    expect(await received("echo")).toMatchObject([
      { topic: "ai.echo.requested", detail: { jobId: JOB, stepIds: ["a"], seq: 2 } },
    ]);
  });

  it("lists a job that ends at once as ended, without a wake-up", async () => {
    await create(writer(appOf(async () => "done")));
    expect(await types()).toEqual(["job.submitted", "job.completed"]);
    expect((await engine.index.list({ tenant: TENANT, limit: 9 })).jobs).toMatchObject([
      { status: "completed", wakeAtMs: undefined },
    ]);
  });

  it("happens once, however often and by however many processes it is asked for at the same time", async () => {
    const writers = [writer(oneStep), writer(oneStep), writer(oneStep)];
    const answers = await Promise.all(writers.flatMap((jobs) => [create(jobs), create(jobs)]));
    expect(answers.filter(({ created }) => created)).toHaveLength(1);
    expect(answers.every(({ view: state }) => state.digest === "d" && state.seq === 2)).toBe(true);
    expect(await create(writer(oneStep))).toMatchObject({ created: false, view: { seq: 2 } });
    expect(await types()).toEqual(["job.submitted", "step.requested"]);
    expect(await received("echo")).toHaveLength(1);
  });

  it("asked for again after a while, publishes what it waits for where messages can be missing", async () => {
    const lossy = { atomicEffects: false, topics: { publish: async () => {} } };
    await create(writer(oneStep, lossy));
    await received("echo");
    await create(writer(oneStep, { atomicEffects: false }));
    expect(await received("echo")).toHaveLength(0);
    await clock.advance(5_000);
    await create(writer(oneStep, { atomicEffects: true }));
    expect(await received("echo")).toHaveLength(0);
    expect(await create(writer(oneStep, { atomicEffects: false }))).toMatchObject({ created: false });
    expect(await received("echo")).toMatchObject([{ topic: "ai.echo.requested", detail: { stepIds: ["a"] } }]);
  });

  it("records the submission alone where the workflow is broken, and sends for another try", async () => {
    const { view: state } = await create(
      writer(
        appOf(() => {
          throw new Error("bug");
        }),
      ),
    );
    expect(state.status).toBe("running");
    expect(await types()).toEqual(["job.submitted"]);
    expect(await received("flow.advance")).toMatchObject([{ topic: topics.advance("flow"), detail: { jobId: JOB } }]);
  });

  it("knows its own write where the answer was lost", async () => {
    const log = new FaultyLog(async (append) => (await append()) && "conflict");
    expect(await create(writer(oneStep, { log }))).toMatchObject({ created: true });
    expect(log.appends).toHaveLength(1);
    expect(await types()).toEqual(["job.submitted", "step.requested"]);
  });
});

/** A log and a bus as on AWS: messages follow the append, and can be refused. */
function refusing(refuses: () => boolean): Pick<WriterDeps, "log" | "topics" | "atomicEffects"> {
  const bus = {
    publish: async (messages: readonly Message[]) => {
      if (refuses()) throw new Error("the bus is full");
      await engine.topics.publish(messages);
    },
  };
  const append = async (commit: StoredCommit, { messages = [], ...effects }: Effects = {}) => {
    const outcome = await engine.log.append(commit, effects);
    if (outcome === "appended") await bus.publish(messages);
    return outcome;
  };
  const { log } = engine;
  const late: EventLog = { append, read: (...about) => log.read(...about), tail: (...about) => log.tail(...about) };
  return { log: late, topics: bus, atomicEffects: false };
}

describe("messages that cannot be published", () => {
  const twoSteps = appOf(async (job) => [await job.step("a", echo, 1), await job.step("b", echo, 1)]);

  it("keep no job from being accepted: who is told otherwise submits it twice", async () => {
    const delayed: string[] = [];
    const onDelayed = (jobId: string): void => void delayed.push(jobId);
    const jobs = writer(oneStep, { ...refusing(() => true), onDelayed });
    expect(await create(jobs)).toMatchObject({ created: true });
    expect(delayed).toEqual([JOB]);
    expect(await types()).toEqual(["job.submitted", "step.requested"]);
  });

  it("make an update fail that is written, once, and are published when it is asked for again", async () => {
    let full = false;
    const jobs = writer(
      twoSteps,
      refusing(() => full),
    );
    await create(jobs);
    await start(jobs);
    await received("echo");
    full = true;
    await expect(drive(complete(jobs))).rejects.toBeInstanceOf(PublishingError);
    expect(await types()).toEqual([
      "job.submitted",
      "step.requested",
      "step.started",
      "step.completed",
      "step.requested",
    ]);
    full = false;
    await clock.advance(5_000);
    const ask = jobs.update(JOB, (state, nowMs) => ({
      events: [],
      result: undefined,
      messages: jobs.missing(state, nowMs),
    }));
    await drive(ask);
    expect(await received("echo")).toMatchObject([{ detail: { stepIds: ["b"] } }]);
  });

  it("fail nobody who does not ask again: what is in the log is done", async () => {
    const delayed: string[] = [];
    const onDelayed = (jobId: string): void => void delayed.push(jobId);
    const jobs = writer(oneStep, { ...refusing(() => true), onDelayed });
    await create(jobs);
    const cancel = jobs.record(JOB, () => ({ events: [{ type: "job.cancelled" }], result: "cancelled" }));
    expect(await drive(cancel)).toBe("cancelled");
    expect((await types()).at(-1)).toBe("job.cancelled");
    expect(delayed).toEqual([JOB, JOB]);
  });

  it("let a repeated submission have its job", async () => {
    await create(
      writer(
        oneStep,
        refusing(() => true),
      ),
    );
    await clock.advance(5_000);
    const again = await create(
      writer(
        oneStep,
        refusing(() => true),
      ),
    );
    expect(again).toMatchObject({ created: false, view: { seq: 2 } });
  });

  it("say nothing of who shares the commit: one is refused, one is done, one must ask again", async () => {
    const jobs = writer(
      oneStep,
      refusing(() => true),
    );
    await create(jobs);
    const refused = jobs.record(JOB, () => {
      throw new RangeError("not as the job is");
    });
    const done = jobs.record(JOB, () => ({ events: [{ type: "job.cancelled" }], result: "cancelled" }));
    const asks = jobs.update(JOB, ({ status }) => ({ events: [], result: status }));
    const outcomes = await drive(Promise.allSettled([refused, done, asks]));
    expect(outcomes).toMatchObject([
      { reason: { name: "RangeError" } },
      { value: "cancelled" },
      { reason: { name: "PublishingError" } },
    ]);
  });
});

describe("updating a job", () => {
  it("records a result together with what follows from it", async () => {
    const jobs = writer(oneStep);
    await create(jobs);
    await start(jobs);
    expect(await drive(complete(jobs))).toBe(true);
    const commits = await engine.log.read(JOB);
    expect(commits).toHaveLength(3);
    expect((await types()).slice(-2)).toEqual(["step.completed", "job.completed"]);
    expect((await engine.index.list({ tenant: TENANT, limit: 9 })).jobs).toMatchObject([
      { status: "completed", wakeAtMs: undefined },
    ]);
  });

  it("tells the workflow of a step that was discarded, in the same commit", async () => {
    const app = appOf((job) => job.step("a", echo, 1).catch(() => "without it"));
    open(app);
    const jobs = writer(app);
    await create(jobs);
    const about = { stepId: "a", capability: "echo", attempt: 0 };
    const error = { name: "Error", message: "no" };
    await drive(jobs.update(JOB, () => ({ events: [{ type: "step.dead_lettered", ...about, error }], result: 0 })));
    await drive(jobs.update(JOB, () => ({ events: [{ type: "step.discarded", ...about, reason: "no" }], result: 0 })));
    expect((await types()).slice(-2)).toEqual(["step.discarded", "job.completed"]);
    expect(await stored()).toMatchObject({ status: "completed", output: "without it" });
  });

  it("rejects for a job that is not there", async () => {
    await expect(drive(complete(writer(oneStep)))).rejects.toBeInstanceOf(UnknownJobError);
  });

  it("shares commits among a hundred results at once, without a conflict", async () => {
    const app = wide(100);
    open(app);
    const jobs = writer(app);
    await create(jobs);
    const ids = Array.from({ length: 100 }, (_, n) => `s${n}`);
    await Promise.all(ids.map((id) => start(jobs, id)));
    const before = (await engine.log.read(JOB)).length;
    expect(await drive(Promise.all(ids.map((id) => complete(jobs, id))))).toEqual(ids.map(() => true));
    expect(conflicts).toBe(0);
    expect((await engine.log.read(JOB)).length - before).toBeLessThanOrEqual(4);
    expect(await stored()).toMatchObject({ status: "completed", output: 100 });
  });

  it("converges with another writer on the same log: every result once, one end", async () => {
    await withSeed(async (random) => {
      const app = wide(12);
      open(app);
      const writers = [writer(app), writer(app), writer(app)];
      const [first] = writers;
      if (!first) throw new Error("unreachable");
      await create(first);
      const tasks: (() => Promise<unknown>)[] = [];
      for (let n = 0; n < 12; n++) {
        await start(first, `s${n}`);
        for (const jobs of writers) tasks.push(() => complete(jobs, `s${n}`));
      }
      const shuffled = tasks.map((task) => ({ task, key: random() })).sort((a, b) => a.key - b.key);
      const won = await drive(Promise.all(shuffled.map(({ task }) => task())));
      expect(won.filter((mine) => mine === true)).toHaveLength(12);
      expect(conflicts).toBeGreaterThan(0);
      const all = await events();
      expect(all.filter(({ type }) => type === "step.completed")).toHaveLength(12);
      expect(all.filter(isTerminal)).toHaveLength(1);
      expect(await stored()).toMatchObject({ status: "completed", output: 12 });
    });
  });

  it("knows its own write where the answer was lost, and publishes what may not have been", async () => {
    const jobs = writer(appOf(async (job) => [await job.step("a", echo, 1), await job.step("b", echo, 1)]));
    await create(jobs);
    await start(jobs);
    await received("echo");
    const log = new FaultyLog(async (append) => (await append()) && "conflict");
    expect(
      await drive(
        complete(
          writer(
            appOf(async (job) => [await job.step("a", echo, 1), await job.step("b", echo, 1)]),
            { log },
          ),
        ),
      ),
    ).toBe(true);
    expect(log.appends).toHaveLength(1);
    expect((await types()).filter((type) => type === "step.completed")).toHaveLength(1);
    expect((await received("echo")).every(({ detail }) => detail.stepIds?.[0] === "b")).toBe(true);
  });

  it("finds its own write where it arrived and its answer failed, and does the thing once", async () => {
    const jobs = writer(oneStep);
    await create(jobs);
    await start(jobs);
    let faults = 1;
    const log = new FaultyLog(async (append) => {
      const outcome = await append();
      if (faults-- > 0) throw new Error("socket hang up");
      return outcome;
    });
    const unlucky = writer(oneStep, { log });
    expect(await drive(complete(unlucky))).toBe(true);
    expect(await drive(complete(unlucky))).toBe(false);
    expect((await types()).filter((type) => type === "step.completed")).toHaveLength(1);
    expect(await stored()).toMatchObject({ status: "completed" });
  });

  it("goes on after another's commit in the place of its own, although its own answer was lost", async () => {
    const jobs = writer(oneStep);
    await create(jobs);
    let faults = 1;
    const log = new FaultyLog(async (append) => {
      if (faults-- === 0) return append();
      await start(jobs);
      throw new UnavailableError("no answer");
    });
    const seen = await drive(
      writer(oneStep, { log }).update(JOB, (state) => ({
        events: [{ type: "value.recorded", valueId: "v", value: 1 }],
        result: state.steps.get("a")?.status,
      })),
    );
    expect(seen).toBe("running");
    expect((await types()).slice(-2)).toEqual(["step.started", "value.recorded"]);
  });

  it("forgets what it folded where its write did not arrive", async () => {
    const jobs = writer(oneStep);
    await create(jobs);
    await start(jobs);
    // Once with what follows from the result, once without.
    let faults = 2;
    const log = new FaultyLog(async (append) => {
      if (faults-- > 0) throw new Error("socket hang up");
      return append();
    });
    const unlucky = writer(oneStep, { log });
    await expect(drive(complete(unlucky))).rejects.toThrow("socket hang up");
    expect(await drive(complete(unlucky))).toBe(true);
  });

  it("gives up after a bounded number of conflicts", async () => {
    const jobs = writer(oneStep);
    await create(jobs);
    const log = new FaultyLog(async () => "conflict");
    await expect(
      drive(writer(oneStep, { log }).update(JOB, () => ({ events: [started("a")], result: 1 }))),
    ).rejects.toBeInstanceOf(ContentionError);
    expect(new Set(log.appends.map(({ commitId }) => commitId)).size).toBe(log.appends.length);
  });

  it("publishes messages without an event, and appends nothing for them", async () => {
    const jobs = writer(oneStep);
    await create(jobs);
    await received("echo");
    await drive(jobs.update(JOB, (state) => ({ events: [], result: 1, messages: [advanceMessage(state)] })));
    expect(await received("flow.advance")).toHaveLength(1);
    expect(await engine.log.read(JOB)).toHaveLength(1);
    await start(jobs);
    await drive(complete(jobs));
    expect(await stored()).toMatchObject({ status: "completed" });
    expect(conflicts).toBe(0);
  });

  it("does not decide to do nothing on a state that others have changed", async () => {
    const [jobs, other] = [writer(wide(2)), writer(wide(2))];
    await create(jobs);
    await start(other, "s0");
    await drive(complete(other, "s0"));
    const seen = (state: JobState) => ({ events: [], result: state.steps.get("s0")?.status });
    expect(await drive(jobs.update(JOB, seen))).toBe("completed");
  });

  it("lets a decision that throws fail alone", async () => {
    const jobs = writer(wide(3));
    await create(jobs);
    const decided = await drive(
      Promise.allSettled([
        jobs.update(JOB, () => ({ events: [started("s0")], result: "first" })),
        jobs.update(JOB, () => ({ events: [started("s1")], result: "second" })),
        jobs.update(JOB, () => {
          throw new Error("bad decision");
        }),
        jobs.update(JOB, () => ({ events: [started("s2")], result: "last" })),
      ]),
    );
    expect(decided.map(({ status }) => status)).toEqual(["fulfilled", "fulfilled", "rejected", "fulfilled"]);
    expect((await types()).filter((type) => type === "step.started")).toHaveLength(3);
  });

  it("leaves no gap in the log where a decision brings an event that the log cannot take", async () => {
    const jobs = writer(wide(3));
    await create(jobs);
    await drive(
      Promise.allSettled([
        jobs.update(JOB, () => ({ events: [started("s0")], result: 1 })),
        jobs.update(JOB, () => ({ events: [started("s1")], result: 1 })),
        jobs.update(JOB, () => ({ events: [started("never-requested")], result: 1 })),
      ]),
    );
    await start(jobs, "s2");
    const state = await stored();
    expect(state.seq).toBe((await engine.log.read(JOB)).at(-1)?.lastSeq);
    expect(state.steps.get("s2")?.status).toBe("running");
    expect([...state.steps.keys()]).not.toContain("never-requested");
  });

  it("appends nothing after the terminal event", async () => {
    const jobs = writer(oneStep);
    await create(jobs);
    await start(jobs);
    await drive(Promise.all([complete(jobs), complete(jobs), complete(jobs)]));
    const before = await engine.log.read(JOB);
    expect(await drive(complete(jobs))).toBe(false);
    await drive(jobs.update(JOB, () => ({ events: [], result: 1, advance: true })));
    await expect(start(jobs)).rejects.toThrow("after the terminal event");
    expect(await engine.log.read(JOB)).toEqual(before);
  });
});

describe("a workflow that cannot be run", () => {
  const broken = appOf(async (job) => {
    await job.step("a", echo, 1);
    throw new Error("bug");
  });
  const advance = (jobs: JobWriter) =>
    drive(jobs.update(JOB, (state) => ({ events: [], result: state.status, advance: true })));
  const prepare = async (app: App): Promise<JobWriter> => {
    const jobs = writer(app);
    await create(jobs);
    await start(jobs);
    await drive(complete(jobs));
    return jobs;
  };

  it("does not take the result with it: recorded alone, with a message for another try", async () => {
    await prepare(broken);
    expect((await types()).at(-1)).toBe("step.completed");
    expect(await received("flow.advance")).toMatchObject([{ detail: { jobId: JOB } }]);
  });

  it("does not take the result with it where its output is none that JSON can hold", async () => {
    await prepare(appOf(async (job) => ({ big: 10n, a: await job.step("a", echo, 1) })));
    expect((await types()).at(-1)).toBe("step.completed");
    expect(await received("flow.advance")).toHaveLength(1);
  });

  it(`waits for a person after ${MAX_ADVANCE_FAILURES} tries, each on record`, async () => {
    const jobs = await prepare(broken);
    for (let tries = 1; tries <= MAX_ADVANCE_FAILURES; tries++) {
      expect((await stored()).status).toBe("running");
      await advance(jobs);
      expect((await stored()).advance).toMatchObject({
        failures: tries,
        error: { message: expect.stringContaining("bug") },
      });
    }
    expect(await stored()).toMatchObject({
      status: "dead-lettered",
      advance: { deadLettered: { seq: expect.any(Number) } },
    });
    expect((await events()).at(-1)).toMatchObject({ type: "step.dead_lettered", stepId: ADVANCE_STEP });
    expect((await engine.index.list({ tenant: TENANT, limit: 9 })).jobs).toMatchObject([
      { status: "dead-lettered", wakeAtMs: T0_MS + 60_000 },
    ]);
  });

  it("is not what an engine's outage makes of one that can: nothing goes on record", async () => {
    await prepare(broken);
    let down = true;
    const log = new FaultyLog((append) => (down ? Promise.reject(new UnavailableError("throttled")) : append()));
    const repaired = appOf(async (job) => [await job.step("a", echo, 1), await job.step("b", echo, 1)]);
    const jobs = writer(repaired, { log });
    for (let tries = 0; tries <= MAX_ADVANCE_FAILURES; tries++) {
      await expect(advance(jobs)).rejects.toThrow(UnavailableError);
    }
    expect(log.appends).toHaveLength(MAX_ADVANCE_FAILURES + 1);
    down = false;
    await advance(jobs);
    expect((await types()).at(-1)).toBe("step.requested");
    expect((await stored()).advance).toBeUndefined();
  });

  it("goes on with repaired code", async () => {
    const jobs = await prepare(broken);
    for (let tries = 1; tries <= MAX_ADVANCE_FAILURES; tries++) await advance(jobs);
    await advance(writer(appOf(async (job) => [await job.step("a", echo, 1), await job.step("b", echo, 1)])));
    expect(await stored()).toMatchObject({ status: "running", advance: undefined });
    expect((await types()).at(-1)).toBe("step.requested");
  });
});

describe("old code beside new", () => {
  it("records its results and leaves the advance to the new", async () => {
    const jobs = writer(oneStep, { deploySeq: 7 });
    await create(jobs);
    await start(jobs);
    const old = writer(
      appOf(async (job) => [await job.step("a", echo, 1), await job.step("old-only", echo, 1)]),
      { deploySeq: 6 },
    );
    await drive(complete(old));
    expect((await types()).at(-1)).toBe("step.completed");
    expect(await stored()).toMatchObject({ status: "running", deploySeq: 7 });
    expect(await received("flow.advance")).toHaveLength(1);
    await drive(jobs.update(JOB, () => ({ events: [], result: 1, advance: true })));
    expect(await stored()).toMatchObject({ status: "completed", output: "a" });
  });

  it("asked to advance, leaves it to its message to come again, and the job stays usable", async () => {
    const jobs = writer(oneStep, { deploySeq: 7 });
    await create(jobs);
    await drive(writer(oneStep, { deploySeq: 6 }).update(JOB, () => ({ events: [], result: 1, advance: true })));
    expect(await received("flow.advance")).toHaveLength(0);
    await start(jobs);
    await drive(complete(jobs));
    expect(await stored()).toMatchObject({ status: "completed" });
  });

  it("does not wait for ever: new code that has let a job rest for a quarter of an hour is gone", async () => {
    await create(writer(oneStep, { deploySeq: 7 }));
    const old = writer(oneStep, { deploySeq: 6 });
    const advance = () => drive(old.update(JOB, () => ({ events: [], result: 1, advance: true })));
    await start(old);
    await drive(complete(old));
    await clock.advance(14 * 60_000);
    await advance();
    expect((await stored()).status).toBe("running");
    await clock.advance(60_000);
    await advance();
    expect(await stored()).toMatchObject({ status: "completed", output: "a" });
  });
});

describe("workers that wait in the same process", () => {
  const workers = (limit: number) => {
    const deliveries: Delivery[] = [];
    let free = limit;
    const local: LocalWorkers = {
      reserve(_, steps) {
        if (free < steps) return undefined;
        free -= steps;
        return {
          deliver: (delivery) => deliveries.push(delivery),
          release: () => {
            free += steps;
          },
        };
      },
    };
    return { local, deliveries, free: () => free };
  };

  it("are given their steps claimed, in the commit that asks for them", async () => {
    const { local, deliveries } = workers(1);
    await create(writer(oneStep, { localWorkers: local }));
    expect(await types()).toEqual(["job.submitted", "step.requested", "step.started"]);
    const [commit] = await engine.log.read(JOB);
    expect(deliveries).toMatchObject([
      { claimedBy: commit?.commitId, receiveCount: 1, message: { detail: { stepIds: ["a"] } } },
    ]);
    expect((await stored()).steps.get("a")?.lease).toMatchObject({ holder: engine.holder, commitId: commit?.commitId });
    expect(await received("echo")).toEqual([]);
  });

  it("leave the rest to the queue", async () => {
    const { local, deliveries } = workers(10);
    await create(writer(wide(25), { localWorkers: local }));
    expect(deliveries).toHaveLength(1);
    expect((await types()).filter((type) => type === "step.started")).toHaveLength(10);
    expect((await received("echo")).map(({ detail }) => detail.stepIds?.length)).toEqual([10, 5]);
  });

  it("are given a redriven step as its next attempt, and none that is redriven for later", async () => {
    const both = appOf((job) => Promise.all([job.step("a", echo, 1), job.step("b", echo, 1)]));
    await create(writer(both));
    const error = { name: "E", message: "m" };
    const about = (stepId: string) => ({ stepId, capability: "echo" });
    const jobs = writer(both);
    for (const stepId of ["a", "b"]) {
      const events: EventBody[] = [
        started(stepId),
        { type: "step.failed", ...about(stepId), attempt: 1, error, counts: true, final: true },
        { type: "step.dead_lettered", ...about(stepId), attempt: 1, error },
      ];
      await drive(jobs.update(JOB, () => ({ events, result: 1 })));
    }
    await received("echo");
    const { local, deliveries } = workers(5);
    const redriven: EventBody[] = [
      { type: "step.redriven", ...about("a"), base: 1, by: "api" },
      { type: "step.redriven", ...about("b"), base: 1, by: "api", notBefore: new Date(T0_MS + 5_000).toISOString() },
    ];
    for (const event of redriven) {
      const redriving = writer(both, { localWorkers: local });
      await drive(redriving.update(JOB, () => ({ events: [event], result: 1, advance: true })));
    }
    expect(deliveries).toMatchObject([{ message: { detail: { stepIds: ["a"] } } }]);
    const { steps } = await stored();
    expect(steps.get("a")).toMatchObject({ status: "running", attempt: 2 });
    expect(steps.get("b")).toMatchObject({ status: "retrying", attempt: 1 });
  });

  it("are free again where the append did not happen", async () => {
    const { local, deliveries, free } = workers(1);
    await create(writer(oneStep));
    await create(writer(oneStep, { localWorkers: local }));
    const log = new FaultyLog(async () => {
      throw new Error("disk full");
    });
    const other = writer(oneStep, { log, localWorkers: local });
    await expect(
      drive(other.create(engine.ids.jobId(TENANT), TENANT, submitted(), T0_MS, (state) => state)),
    ).rejects.toThrow("disk full");
    expect(deliveries).toEqual([]);
    expect(free()).toBe(1);
  });
});
