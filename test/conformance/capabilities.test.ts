import { describe, expect } from "vitest";
import { test } from "./suite.ts";

describe("the capabilities", () => {
  test("are listed with their limits, the workflows with what they take", async ({ api }) => {
    const { capabilities, workflows, model } = await api.capabilities();
    const slow = capabilities.find(({ name }) => name === "slow");
    expect(slow).toMatchObject({ timeoutMs: 1_000, maxAttempts: 1, concurrency: 2 });
    expect(capabilities.map(({ name }) => name)).toEqual(expect.arrayContaining(["repeat", "retrieval", "completion"]));
    const echo = workflows.find(({ name }) => name === "echo");
    expect(echo?.input).toMatchObject({ type: "object", required: ["text"] });
    expect(workflows.map(({ name }) => name)).toContain("analysis");
    expect(model).not.toBe("");
  });

  test("say how much waits for them", async ({ api }) => {
    for (let n = 0; n < 6; n++) await api.submit("trial", { mode: "sleeps", text: `n${n}`, size: 800 });
    const waiting = async () => {
      const slow = (await api.capabilities()).capabilities.find(({ name }) => name === "slow");
      return (slow?.ready ?? 0) + (slow?.inFlight ?? 0) + (slow?.delayed ?? 0);
    };
    await api.late("a backlog of slow", waiting, (messages) => messages > 0);
    await api.late("no backlog of slow", waiting, (messages) => messages === 0);
  });
});
