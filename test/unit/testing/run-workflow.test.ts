import { describe, expect, test } from "vitest";
import { z } from "zod";
import { defineCapability, defineWorkflow, HeldError } from "../../../src/index.ts";
import { fake, runWorkflow } from "../../../src/testing/index.ts";

const HOUR_MS = 3_600_000;
const Text = z.object({ text: z.string() });
const say = defineCapability({ name: "say", input: Text, output: Text, run: (input) => input });
const held = fake(say, () => {
  throw new HeldError("a person decides");
});
const typesOf = (job: Awaited<ReturnType<typeof runWorkflow>>) => job.events.map(({ type }) => type);

describe("a workflow that sleeps, run to its end", () => {
  const sleeper = defineWorkflow({
    name: "sleeper",
    input: Text,
    output: z.object({ text: z.string(), hours: z.number() }),
    run: async (job, input) => {
      const begun = await job.now("begun");
      await job.sleep("first", 3 * HOUR_MS);
      const { text } = await job.step("between", say, input);
      await job.sleep("second", new Date(begun.getTime() + 5 * HOUR_MS));
      const ended = await job.now("ended");
      return { text, hours: (ended.getTime() - begun.getTime()) / HOUR_MS };
    },
  });

  test("takes as long as it sleeps by its own clock, and none of it by ours", async () => {
    const now = new Date("2031-05-01T12:00:00Z");
    const job = await runWorkflow(sleeper, { text: "rested" }, { capabilities: [say], now });
    expect(job).toMatchObject({ status: "completed", result: { text: "rested", hours: 5 }, elapsedMs: 5 * HOUR_MS });
    const times = job.events.flatMap((event) => (event.type === "timer.set" ? [event.fireAt] : []));
    expect(times).toEqual(["2031-05-01T15:00:00.000Z", "2031-05-01T17:00:00.000Z"]);
  });

  test("has each wait on record where it stood", async () => {
    const job = await runWorkflow(sleeper, { text: "x" }, { capabilities: [say] });
    expect(typesOf(job).filter((type) => type !== "value.recorded")).toEqual([
      "job.submitted",
      "timer.set",
      "timer.fired",
      "step.requested",
      "step.started",
      "step.completed",
      "timer.set",
      "timer.fired",
      "job.completed",
    ]);
  });
});

describe("a workflow that waits for a signal", () => {
  const asks = defineWorkflow({
    name: "asks",
    input: Text,
    output: Text,
    signals: { approval: z.object({ by: z.string() }) },
    run: async (job, input) => {
      const winner = await Promise.race([job.signal("approval"), job.sleep("patience", 3 * HOUR_MS)]);
      const { text } = await job.step("then", say, input);
      return { text: `${text}: ${winner?.by ?? "nobody"}` };
    },
  });
  const waits = defineWorkflow({ ...asks, run: async (job) => ({ text: (await job.signal("approval")).by }) });

  test("goes on with it, or without once its patience is at its end", async () => {
    const alone = await runWorkflow(asks, { text: "went" }, { capabilities: [say] });
    expect(alone).toMatchObject({ status: "completed", result: { text: "went: nobody" }, elapsedMs: 3 * HOUR_MS });
    const given = await runWorkflow(waits, { text: "" }, { capabilities: [say], signals: { approval: { by: "ada" } } });
    expect(given).toMatchObject({ status: "completed", result: { text: "ada" }, elapsedMs: 0 });
  });

  test("ends the run where nobody sends it, and takes no other payload", async () => {
    const job = await runWorkflow(waits, { text: "" }, { capabilities: [say] });
    expect(job.status).toBe("running");
    expect(typesOf(job)).toEqual(["job.submitted", "signal.requested"]);
    const wrong = runWorkflow(waits, { text: "" }, { capabilities: [say], signals: { approval: { by: 7 } } });
    await expect(wrong).rejects.toThrow("the payload is not what signal approval takes");
  });

  test("for one that it does not have waits for a repair", async () => {
    const faulty = defineWorkflow({
      name: "faulty",
      input: Text,
      output: Text,
      run: (job: { signal(name: string): Promise<unknown> }) => job.signal("no-such") as Promise<never>,
    });
    const job = await runWorkflow(faulty, { text: "" }, { capabilities: [say] });
    expect(job.status).toBe("dead-lettered");
    expect(job.error?.message).toContain("it has none. Add it to defineWorkflow({ signals })");
  });

  test("has a name like every other", () => {
    const named = (name: string) => () => defineWorkflow({ ...waits, signals: { [name]: z.string() } } as never);
    expect(named("Approval")).toThrow("a signal's name must be");
    expect(named("approval")).not.toThrow();
  });
});

describe("a step that waits for a person", () => {
  test("ends the run where nothing else is left", async () => {
    const flow = defineWorkflow({
      name: "flow",
      input: Text,
      output: Text,
      run: async (job, input) => {
        await job.sleep("nap", HOUR_MS);
        return job.step("held", say, input);
      },
    });
    const job = await runWorkflow(flow, { text: "x" }, { capabilities: [held] });
    expect(job).toMatchObject({ status: "dead-lettered", result: undefined, elapsedMs: HOUR_MS });
  });

  test("does not end it while the workflow has a wait to go on from", async () => {
    const impatient = defineWorkflow({
      name: "impatient",
      input: Text,
      output: Text,
      run: async (job, input) =>
        Promise.race([job.step("held", say, input), job.sleep("patience", HOUR_MS).then(() => ({ text: "too late" }))]),
    });
    const job = await runWorkflow(impatient, { text: "x" }, { capabilities: [held] });
    expect(job).toMatchObject({ status: "completed", result: { text: "too late" }, elapsedMs: HOUR_MS });
    expect(typesOf(job).slice(-2)).toEqual(["timer.fired", "job.completed"]);
  });
});

test("a wait that is asked for wrongly waits for a person at once, and says what is wrong", async () => {
  const wrong = defineWorkflow({
    name: "wrong",
    input: Text,
    output: Text,
    run: async (job, input) => {
      await job.sleep("nap", -1);
      return input;
    },
  });
  const job = await runWorkflow(wrong, { text: "x" }, { capabilities: [say] });
  expect(job.status).toBe("dead-lettered");
  expect(job.error?.message).toContain('job.sleep("nap", …) takes a number of ms from 0, or a Date; got -1');
});
