import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, test } from "vitest";

interface Answer {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

const cost = (...flags: string[]): Promise<Answer> =>
  promisify(execFile)(process.execPath, ["tools/cost/main.ts", ...flags]).then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    ({ code, stdout, stderr }) => ({ code, stdout, stderr }),
  );

test("npm run cost prints the bill, what would lower it, and how long a burst takes", async () => {
  const { code, stdout } = await cost();
  expect(code).toBe(0);
  expect(stdout).toContain("1,000,000 jobs of analysis, 4 steps each");
  for (const part of ["What would lower it", "Waiting for a model", "Step Functions", "next step's start", "Bursts"]) {
    expect(stdout).toContain(part);
  }
});

test("--jobs 0 prints a month at rest of each stage, from what its templates have", async () => {
  const { stdout } = await cost("--jobs", "0");
  for (const stage of ["dev", "prod"]) {
    expect(stdout).toContain(`A month at rest: ${stage}`);
    expect(stdout).toMatch(new RegExp(`Goal for ${stage}: at most \\$10.00 a month: \\$[\\d.]+, met`));
  }
  expect(stdout).toMatch(/empty receives of 6 queues, by 5 pollers each +\| 3,888,000/);
});

test.each([
  [["--jobs", "many"], '--jobs must be a whole number from 0 on, such as 1e6; got "many"'],
  [["--jobs", "-1"], "--jobs"],
  [["--workflow", "nope"], '--workflow: measured are analysis; got "nope"'],
  [["--region", "mars"], '--region: tools/cost/prices.json has us-east-1; got "mars"'],
  [["--measured", "/nowhere/calls.jsonl"], "--measured /nowhere/calls.jsonl cannot be read"],
  [["--save"], "--save needs --measured FILE"],
])("%j is told what is wrong, without a stack", async (flags, message) => {
  const { code, stderr } = await cost(...flags);
  expect(code).toBe(2);
  expect(stderr).toContain(message);
  expect(stderr).not.toContain("    at ");
});
