import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Caller, FAULTY_APP, ServerProcess } from "./server.ts";

const run = promisify(execFile);
const tool = (...args: string[]) => run(process.execPath, ["tools/log.ts", ...args], { maxBuffer: 10_000_000 });
const folder = mkdtempSync(join(tmpdir(), "sluice-log-"));
const file = join(folder, "job.jsonl");

let server: ServerProcess;
beforeAll(async () => {
  server = await ServerProcess.start("--memory", "--app", FAULTY_APP);
});
afterAll(async () => {
  await server.stop("SIGTERM");
  rmSync(folder, { recursive: true });
});

test("a job's log is exported, checked, and found out once a line is missing", async () => {
  const caller = new Caller(server.url);
  const { id } = await caller.run("echoes", { text: "x" });
  const { stdout } = await tool("export", id, "--url", server.url);
  writeFileSync(file, stdout);
  expect((await tool("verify", file)).stdout).toMatch(/: \d+ events, whole\n$/);
  writeFileSync(file, readFileSync(file, "utf8").split("\n").toSpliced(2, 1).join("\n"));
  await expect(tool("verify", file)).rejects.toMatchObject({
    code: 1,
    stdout: expect.stringContaining("1: stands at"),
  });
  writeFileSync(file, stdout.replace('"text":"x"', '"text":"y"'));
  await expect(tool("verify", file)).rejects.toMatchObject({
    code: 1,
    stdout: expect.stringContaining("another sha256"),
  });
});

test("a job that is not there, and a wrong id, are said so", async () => {
  const nobody = `job_${"a".repeat(26)}`;
  await expect(tool("export", nobody, "--url", server.url)).rejects.toMatchObject({
    code: 3,
    stderr: expect.stringContaining("answered 404: there is no job"),
  });
  await expect(tool("export", "job_1")).rejects.toMatchObject({ stderr: expect.stringContaining("a job id is") });
  await expect(tool("read")).rejects.toMatchObject({ stderr: expect.stringContaining("Usage") });
});
