import { readFile } from "node:fs/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import type { EventBody } from "../../../src/contract/events.ts";
import type { Json } from "../../../src/contract/json.ts";
import { type Advance, advance } from "../../../src/core/advance.ts";
import type { App } from "../../../src/core/define-app.ts";
import { defineApp } from "../../../src/core/define-app.ts";
import { defineCapability } from "../../../src/core/define-capability.ts";
import { defineWorkflow } from "../../../src/core/define-workflow.ts";
import { JobFailedError, StepFailedError } from "../../../src/core/errors.ts";
import { Pass } from "../../../src/core/pass.ts";
import type { JobState } from "../../../src/core/state.ts";
import { appOf, completed, done, double, echo, failed, requested, started, stateOf, T0_MS } from "./fixtures.ts";

const DATA = { nowMs: T0_MS, random: () => 0.25 };
const run = (app: App, ...events: readonly EventBody[]): Promise<Advance> => advance(stateOf(...events), app, DATA);

const asked = (outcome: Advance): string[] => {
  if (outcome.kind === "broken") throw outcome.error;
  return outcome.events.flatMap((event) => (event.type === "step.requested" ? [event.stepId] : []));
};
const outputOf = (outcome: Advance): unknown => {
  if (outcome.kind === "broken") throw outcome.error;
  const last = outcome.events.at(-1);
  return last?.type === "job.completed" ? last.output : last;
};
const messageOf = (outcome: Advance): string => {
  expect(outcome.kind).toBe("broken");
  return outcome.kind === "broken" ? outcome.error.message : "";
};

describe("a workflow's steps", () => {
  it("are asked for once, and answered by id, in whatever order they were recorded", async () => {
    const app = appOf(async (job) => [await job.step("a", echo, 1), await job.step("b", echo, 2)]);
    expect(asked(await run(app))).toEqual(["a"]);
    expect(asked(await run(app, ...done("a", "A")))).toEqual(["b"]);
    expect(outputOf(await run(app, ...done("b", "B"), ...done("a", "A")))).toEqual(["A", "B"]);
  });

  it("are asked for at once where they run side by side, and not again while they are open", async () => {
    const app = appOf((job) => Promise.all(["a", "b", "c"].map((id) => job.step(id, echo, id))));
    expect(asked(await run(app))).toEqual(["a", "b", "c"]);
    const half = [requested("a", { input: "a" }), ...done("b", "B"), requested("c", { input: "c" })];
    expect(await run(app, ...half)).toEqual({ kind: "waits", events: [] });
    expect(outputOf(await run(app, ...done("c", 3), ...done("a", 1), ...done("b", 2)))).toEqual([1, 2, 3]);
  });

  it("go on with whichever of several is done first", async () => {
    const app = appOf((job) => Promise.race([job.step("slow", echo, 1), job.step("fast", echo, 2)]));
    expect(outputOf(await run(app, requested("slow"), ...done("fast", "won")))).toBe("won");
  });

  it("record their input as the capability's schema gives it, as JSON", async () => {
    const app = appOf((job) => job.step("a", double, { n: 2 }));
    const outcome = await run(app);
    expect(outcome).toMatchObject({ kind: "waits", events: [{ stepId: "a", input: { n: 2, note: "none" } }] });
  });

  it("give the same promise for the same id, capability and input", async () => {
    const pass = new Pass(
      stateOf(),
      appOf(async () => 1),
      DATA,
    );
    expect(pass.step("a", echo, { x: 1, y: 2 })).toBe(pass.step("a", echo, { y: 2, x: 1 }));
    expect(pass.events).toHaveLength(1);
  });

  it("may be asked for twice after they were recorded, also where the schema has filled in a default", async () => {
    const app = appOf((job) => Promise.all([job.step("a", double, { n: 2 }), job.step("a", double, { n: 2 })]));
    const recorded = [
      requested("a", { capability: "double", input: { n: 2, note: "none" } }),
      started("a", 1, { capability: "double" }),
    ];
    expect(await run(app, ...recorded)).toMatchObject({ kind: "waits", events: [] });
  });

  it("are answered in the order of the log, so that a race has the same winner in every pass", async () => {
    const app = appOf(async (job) => {
      const winner = await Promise.race([job.step("slow", echo, "slow"), job.step("fast", echo, "fast")]);
      return job.step(`charge/${winner}`, echo, winner);
    });
    const log = [requested("slow"), requested("fast"), started("slow"), started("fast")];
    const first = await run(app, ...log, completed("fast", "fast"));
    expect(first).toMatchObject({ kind: "waits", events: [{ stepId: "charge/fast" }] });
    const both = [...log, completed("fast", "fast"), requested("charge/fast"), completed("slow", "slow")];
    expect(await run(app, ...both)).toMatchObject({ kind: "waits", events: [] });
  });

  it("may not have an input that is too large or nested too deeply", async () => {
    let deep: unknown = 1;
    for (let level = 0; level < 4_000; level++) deep = [deep];
    expect(messageOf(await run(appOf((job) => job.step("a", echo, deep as Json))))).toMatch(/100 levels/);
    expect(messageOf(await run(appOf((job) => job.step("a", echo, "x".repeat(1_048_577)))))).toMatch(/at most 1048576/);
    expect(messageOf(await run(appOf(async () => "x".repeat(1_048_577))))).toMatch(/1048576 bytes/);
  });

  it("name both uses of an id that is used twice", async () => {
    const inputs = await run(appOf((job) => Promise.all([job.step("a", echo, 1), job.step("a", echo, 2)])));
    expect(messageOf(inputs)).toMatch(/"a" is used twice .* echo .* echo with another input/);
    if (inputs.kind === "broken") {
      expect(inputs.error.detail).toEqual({
        stepId: "a",
        first: { capability: "echo", input: 1 },
        second: { capability: "echo", input: 2 },
      });
    }
    const kinds = await run(appOf((job) => Promise.all([job.step("a", echo, 1), job.step("a", double, { n: 1 })])));
    expect(messageOf(kinds)).toMatch(/for echo and for double/);
  });

  it("cannot hide a broken rule in a catch of the author's", async () => {
    const app = appOf(async (job) => {
      try {
        await Promise.all([job.step("a", echo, 1), job.step("a", echo, 2)]);
      } catch {
        return "hidden";
      }
      return "done";
    });
    expect(messageOf(await run(app))).toMatch(/used twice/);
  });

  it("keep their capability for the life of a job", async () => {
    const app = appOf((job) => job.step("a", double, { n: 1 }));
    expect(messageOf(await run(app, ...done("a", 1)))).toMatch(/"a" is recorded as a call of echo, .* now asks double/);
  });

  it.each(["", "@advance", "@x", "x".repeat(201)])("refuse the id %j", async (id) => {
    expect(messageOf(await run(appOf((job) => job.step(id, echo, 1))))).toContain(
      "a step id must be a string of 1 to 200",
    );
  });

  it("name a capability that the app does not have, and those it has", async () => {
    const stranger = defineCapability({ name: "stranger", input: z.any(), output: z.any(), run: () => 1 });
    const message = messageOf(await run(appOf((job) => job.step("a", stranger, 1))));
    expect(message).toContain('"stranger", which the app does not have; it has echo, double');
  });

  it("name the path of an input that the capability forbids", async () => {
    const app = appOf((job) => job.step("a", double, { n: "two" as unknown as number }));
    const outcome = await run(app);
    expect(messageOf(outcome)).toMatch(/"a": the input is not what double takes: \/input\/n: /);
    if (outcome.kind === "broken") expect(outcome.error.detail).toMatchObject([{ path: "/input/n" }]);
  });

  it("name an input that JSON cannot hold", async () => {
    expect(messageOf(await run(appOf((job) => job.step("a", echo, 10n))))).toContain("cannot be written as JSON");
  });

  it("are no more than maxSteps in all, however many wait at once", async () => {
    const chains = (names: string[]) =>
      appOf(
        (job) =>
          Promise.all(
            names.map(async (name) => [await job.step(`${name}1`, echo, 1), await job.step(`${name}2`, echo, 1)]),
          ),
        { maxSteps: 6 },
      );
    const half = [...done("a1", 1), ...done("b1", 1), requested("c1", { input: 1 }), requested("a2", { input: 1 })];
    expect(asked(await run(chains(["a", "b", "c"]), ...half))).toEqual(["b2"]);
    const all = ["a1", "b1", "c1", "a2", "b2", "c2"].flatMap((id) => done(id, 1));
    expect((await run(chains(["a", "b", "c"]), ...all)).kind).toBe("ended");
    expect(messageOf(await run(chains(["a", "b", "c", "d", "e", "f", "g"])))).toContain("more than 6 steps");
    expect(messageOf(await run(chains(["a", "b", "c", "d"]), ...all))).toContain("more than 6 steps");
  });

  it("hand out results that nobody can change", async () => {
    const state = stateOf(...done("a", { list: [1] }, { input: 1 }));
    const app = appOf(async (job) => {
      const got = (await job.step("a", echo, 1)) as { list: number[] };
      got.list.push(2);
      return got;
    });
    expect(messageOf(await advance(state, app, DATA))).toContain("TypeError");
    expect(state.steps.get("a")?.result).toEqual({ list: [1] });
  });

  it("keep nothing of a pass in memory that waits", async () => {
    setFlagsFromString("--expose-gc");
    const gc = runInNewContext("gc") as () => void;
    const app = appOf(async (job, { text }) => [await job.step("a", echo, text), job]);
    const states: WeakRef<JobState>[] = [];
    for (let n = 0; n < 5; n++) {
      const state = stateOf();
      states.push(new WeakRef(state));
      await advance(state, app, DATA);
    }
    await new Promise((resolve) => setImmediate(resolve));
    gc();
    expect(states.filter((ref) => ref.deref() !== undefined).length).toBeLessThanOrEqual(1);
  });
});

describe("what a workflow records besides steps", () => {
  it("is the time and chance of the first pass, the same in all later ones", async () => {
    const app = appOf(async (job) => {
      const [now, chance] = [await job.now("begin"), await job.random("dice")];
      await job.step("a", echo, 1);
      return { now, chance, same: (await job.now("begin")).getTime() === now.getTime() };
    });
    const first = await run(app);
    expect(first).toMatchObject({
      kind: "waits",
      events: [
        { type: "value.recorded", valueId: "now/begin", value: T0_MS },
        { type: "value.recorded", valueId: "random/dice", value: 0.25 },
        { type: "step.requested", stepId: "a" },
      ],
    });
    if (first.kind !== "waits") return;
    const values = first.events.filter((event) => event.type === "value.recorded");
    const later = await advance(stateOf(...values, ...done("a", 1)), app, { nowMs: T0_MS + 99_999, random: () => 0.9 });
    expect(outputOf(later)).toEqual({ now: new Date(T0_MS).toISOString(), chance: 0.25, same: true });
  });
});

describe("a workflow's end", () => {
  it("is its output as its schema gives it", async () => {
    const output = z.object({ n: z.number().default(7), when: z.any() });
    const outcome = await run(appOf(async () => ({ when: new Date(0), extra: undefined }), {}, output));
    expect(outputOf(outcome)).toEqual({ n: 7, when: "1970-01-01T00:00:00.000Z" });
  });

  it("names the path of an output that its schema forbids", async () => {
    const output = z.object({ items: z.array(z.object({ n: z.number() })) });
    const outcome = await run(appOf(async () => ({ items: [{ n: 1 }, { n: "x" }] }), {}, output));
    expect(messageOf(outcome)).toContain("/output/items/1/n");
    if (outcome.kind === "broken") expect(outcome.error.detail).toMatchObject([{ path: "/output/items/1/n" }]);
  });

  it.each<[string, z.ZodType, unknown]>([
    ["an output that JSON cannot hold", z.any(), 10n],
    [
      "a schema that throws",
      z.any().transform(() => {
        throw new Error("schema bug");
      }),
      1,
    ],
    ["a schema that needs to wait", z.any().refine(async () => true), 1],
  ])("is broken, and no fault of the writer's, by %s", async (_, output, value) => {
    expect((await run(appOf(async () => value, {}, output))).kind).toBe("broken");
  });

  it("is a failure where the workflow says so", async () => {
    const outcome = await run(
      appOf(async () => {
        throw new JobFailedError("no such document", { id: 7 });
      }),
    );
    expect(outcome).toEqual({
      kind: "ended",
      events: [
        { type: "job.failed", error: { name: "JobFailedError", message: "no such document", detail: { id: 7 } } },
      ],
    });
  });

  it("can be recorded whatever an error carries as its detail", async () => {
    const loop: Record<string, unknown> = {};
    loop.self = loop;
    const outcome = await run(
      appOf(async () => {
        throw new JobFailedError("no", loop as never);
      }),
    );
    expect(outcome).toMatchObject({ kind: "ended" });
    expect(() => JSON.stringify(outcome)).not.toThrow();
  });

  it("waits for a repaired deployment where the workflow throws anything else", async () => {
    const outcome = await run(
      appOf(() => {
        throw new RangeError("bug");
      }),
    );
    expect(messageOf(outcome)).toBe("the workflow threw RangeError: bug");
    if (outcome.kind === "broken") expect(outcome.error.cause).toBeInstanceOf(RangeError);
  });

  const exhausted = [
    requested("a", { input: 1 }),
    started("a"),
    failed("a", { final: true, error: { name: "E", message: "down" } }),
  ];

  it("is a failure by a step that failed, unless the workflow catches that", async () => {
    const careless = appOf((job) => job.step("a", echo, 1));
    expect(await run(careless, ...exhausted)).toMatchObject({
      kind: "ended",
      events: [{ type: "job.failed", error: { name: "StepFailedError", message: 'step "a" failed: down' } }],
    });
    const careful = appOf(async (job) => {
      const error = await job.step("a", echo, 1).catch((caught: unknown) => caught);
      return error instanceof StepFailedError ? `instead of ${error.stepId}: ${error.info.message}` : "?";
    });
    expect(outputOf(await run(careful, ...exhausted))).toBe("instead of a: down");
  });

  it("is no unhandled rejection where nobody awaits a step that failed", async () => {
    const app = appOf(async (job) => {
      void job.step("a", echo, 1);
      return job.step("b", echo, 1);
    });
    expect(outputOf(await run(app, ...exhausted, ...done("b", 2)))).toBe(2);
  });

  it("comes with the ids of steps whose recorded input differs from today's", async () => {
    const app = appOf(async (job) => [await job.step("a", echo, "new"), await job.step("b", double, { n: 1 })]);
    const outcome = await run(
      app,
      ...done("a", 1, { input: "old" }),
      ...done("b", 2, { capability: "double", input: { n: 1, note: "none" } }),
    );
    expect(outcome).toMatchObject({ events: [{ type: "job.completed", output: [1, 2], inputDrift: ["a"] }] });
  });

  it("marks no drift where the author goes on to change an input object", async () => {
    const app = appOf(async (job) => {
      const messages = ["one"];
      await job.step("a", echo, { messages });
      messages.push("two");
      return job.step("b", echo, { messages });
    });
    const events = [
      ...done("a", 1, { input: { messages: ["one"] } }),
      ...done("b", 2, { input: { messages: ["one", "two"] } }),
    ];
    expect(await run(app, ...events)).toEqual({ kind: "ended", events: [{ type: "job.completed", output: 2 }] });
  });
});

describe("a workflow that awaits what is no step", () => {
  it.each<[string, () => Promise<unknown>]>([
    ["a timer", () => new Promise((resolve) => setTimeout(resolve, 1))],
    ["an immediate", () => new Promise((resolve) => setImmediate(resolve))],
    ["a file", () => readFile(import.meta.filename)],
    ["a promise that nothing resolves", () => new Promise(() => {})],
  ])("is told so: %s", async (_, other) => {
    const app = appOf(async (job) => {
      await other();
      return job.step("a", echo, 1);
    });
    expect(messageOf(await run(app))).toMatch(/^workflow flow awaits something that is no step\./);
  });

  it("may await as many resolved promises as it likes", async () => {
    const app = appOf(async (job) => {
      for (let n = 0; n < 1_000; n++) await Promise.resolve();
      await new Promise<void>((resolve) => queueMicrotask(() => resolve()));
      return job.step("a", echo, 1);
    });
    expect(asked(await run(app))).toEqual(["a"]);
  });
});

describe("advancing a job", () => {
  it("is broken where the app has no such workflow any more", async () => {
    const other = defineWorkflow({ name: "other", input: z.any(), output: z.any(), run: async () => 1 });
    const app = defineApp({ workflows: [other], capabilities: [] });
    expect(messageOf(await run(app))).toBe('the app has no workflow "flow"; it has other');
  });

  it("is broken, with the path, where the recorded input is not what the workflow takes today", async () => {
    const flow = defineWorkflow({
      name: "flow",
      input: z.object({ text: z.number() }),
      output: z.any(),
      run: async () => 1,
    });
    const outcome = await run(defineApp({ workflows: [flow], capabilities: [] }));
    expect(messageOf(outcome)).toContain("the recorded input is not what workflow flow takes today");
    if (outcome.kind === "broken") expect(outcome.error.detail).toMatchObject([{ path: "/input/text" }]);
  });

  it("leaves the state as it was", async () => {
    const state = stateOf(...done("a", 1, { input: 1 }));
    const before = structuredClone(state);
    await advance(
      state,
      appOf(async (job) => [await job.step("a", echo, 1), await job.step("b", echo, 1)]),
      DATA,
    );
    expect(state).toEqual(before);
  });
});
