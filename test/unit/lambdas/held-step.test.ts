import { expect, test } from "vitest";
import { z } from "zod";
import { defineCapability, defineWorkflow, HeldError, TerminalError } from "../../../src/index.ts";
import { runWorkflow } from "../../../src/testing/index.ts";

const Text = z.object({ text: z.string() });
const locked = defineCapability({
  name: "locked",
  input: Text,
  output: Text,
  onExhausted: "throw",
  run({ text }) {
    if (text === "held") throw new HeldError("the role may not call the model");
    if (text === "hopeless") throw new TerminalError("no such model");
    return { text };
  },
});
const flow = defineWorkflow({
  name: "flow",
  input: Text,
  output: z.array(z.string()),
  run: async (job, input) => {
    const [first, second] = await Promise.allSettled([
      job.step("first", locked, input),
      job.step("second", locked, { text: "open" }),
    ]);
    return [first.status, second.status];
  },
});
const typesOf = (job: Awaited<ReturnType<typeof runWorkflow>>, step: string) =>
  job.events.filter((event) => "stepId" in event && event.stepId === step).map(({ type }) => type);

test("a held step is called once and waits for a person, though its capability would throw", async () => {
  const job = await runWorkflow(flow, { text: "held" }, { capabilities: [locked] });
  expect(job.status).toBe("dead-lettered");
  expect(typesOf(job, "first")).toEqual(["step.requested", "step.started", "step.failed", "step.dead_lettered"]);
  expect(job.events.find(({ type }) => type === "step.failed")).toMatchObject({
    final: true,
    counts: true,
    error: { name: "HeldError", message: "the role may not call the model" },
  });
  expect(typesOf(job, "second").at(-1)).toBe("step.completed");
});

test("another final failure of the same capability is thrown inside the workflow", async () => {
  const job = await runWorkflow(flow, { text: "hopeless" }, { capabilities: [locked] });
  expect(job).toMatchObject({ status: "completed", result: ["rejected", "fulfilled"] });
  expect(typesOf(job, "first").at(-1)).toBe("step.failed");
});
