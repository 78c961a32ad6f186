import { execFile } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";

const run = promisify(execFile);
const tool = (...args: string[]) => run(process.execPath, args);
const failing = async (...args: string[]): Promise<{ code: number; stderr: string }> => {
  try {
    await tool(...args);
  } catch (error) {
    return error as { code: number; stderr: string };
  }
  throw new Error("it was expected to fail");
};

describe("npm run invoke", () => {
  test.each([
    ["submit", 202],
    ["jobs", 200],
    ["events", 200],
    ["commands", 200],
    ["dead-letters", 200],
    ["capabilities", 200],
    ["openapi", 200],
    ["health", 200],
  ])("calls %s with its sample event", async (name, statusCode) => {
    const { stdout } = await tool("tools/invoke.ts", name);
    expect(JSON.parse(stdout)).toMatchObject({ statusCode });
  });

  test.each([
    ["worker", { batchItemFailures: [] }],
    ["advance", { batchItemFailures: [] }],
    ["reconciler", { jobs: 0 }],
  ])("calls %s with its sample event", async (name, answer) => {
    const { stdout } = await tool("tools/invoke.ts", name);
    expect(JSON.parse(stdout)).toEqual(answer);
  });

  test("names the handlers when given another", async () => {
    const { code, stderr } = await failing("tools/invoke.ts", "nothing");
    expect(code).toBe(1);
    expect(stderr).toContain("submit, jobs, events");
  });
});

describe("npm run new", () => {
  const app = () => readFileSync("app/sluice.ts", "utf8");

  test.each([
    [["capability"], "Usage"],
    [["thing", "name"], "Usage"],
    [["capability", "Bad_Name"], "lower-case"],
    [["workflow", "analysis"], "already"],
  ])("%j writes nothing and says why", async (args, said) => {
    const before = app();
    const { code, stderr } = await failing("tools/new.ts", ...args);
    expect(code).toBe(1);
    expect(stderr).toContain(said);
    expect(app()).toBe(before);
    expect(existsSync("app/capabilities/Bad_Name.ts")).toBe(false);
  });
});
