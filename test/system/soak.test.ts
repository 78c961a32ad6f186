import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { temporaryFolder } from "./server.ts";

async function soak(...flags: string[]) {
  const child = spawn(process.execPath, ["tools/soak.ts", ...flags], { stdio: ["ignore", "pipe", "pipe"] });
  let text = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk;
    });
  }
  const [code] = (await once(child, "close")) as [number | null];
  return { code, text };
}

test("a short soak loses, doubles and calls again nothing, and leaves nothing behind", async () => {
  using folder = temporaryFolder();
  const json = join(folder.path, "soak.json");
  const { code, text } = await soak("--jobs", "10", "--kills", "3", "--seed", "7", "--json", json);
  expect(text).toContain("0 lost jobs, 0 doubled jobs, 0 broken invariants");
  expect(text).not.toContain("are kept in");
  expect(code).toBe(0);
  const report = JSON.parse(readFileSync(json, "utf8"));
  expect(report).toMatchObject({ jobs: 10, restarts: 3, submissions: { accepted: 10 }, violations: [] });
  const { attempts, modelSteps, reruns, failed, throttled, calls, unreached } = report.figures;
  expect(attempts).toBe(modelSteps + reruns + failed + throttled);
  expect(calls).toBe(attempts - unreached);
}, 400_000);

test.each([
  [["--jobs", "0"], "--jobs must be a whole number from 1"],
  [["--kills", "-1"], "--kills"],
  [["--json", "/nowhere/soak.json"], "there is no folder /nowhere"],
  [["--what"], "Usage"],
])("%j is told with 2", async (flags, said) => {
  const { code, text } = await soak(...flags);
  expect(code).toBe(2);
  expect(text).toContain(said);
});
