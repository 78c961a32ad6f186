import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { JobPrinter } from "../../client/cli/job-printer.ts";
import { terminalOn } from "../../client/cli/terminal.ts";
import { SluiceClient } from "../../client/index.ts";
import type { JobView } from "../../src/contract/api.ts";
import { ended, type Ran, type RunOptions, runHere, runProcess, startProcess } from "./command-line.ts";
import { type Served, serve } from "./embedded.ts";

let served: Served;
let folder: string;
let client: SluiceClient;

beforeAll(async () => {
  served = await serve();
  folder = mkdtempSync(join(tmpdir(), "sluice-cli-"));
  client = new SluiceClient({ url: served.url });
});
afterAll(async () => {
  await served[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

const sluice = (args: readonly string[], options?: RunOptions) => runHere(served.url, args, options);
const sluiceProcess = (args: readonly string[]) => runProcess(served.url, args);

const jsonOf = <T>({ out }: Ran): T => JSON.parse(out) as T;
const deadLettered = async (): Promise<JobView> =>
  jsonOf<JobView>(await sluice(["submit", "step-throws", "--text", "x", "--follow", "--json"]));

describe("submit", () => {
  test("shows steps, text as it comes, and the result; plain, where that is no terminal", async () => {
    const { code, out, err } = await sluice(["submit", "streams", "--text", "one two", "--follow"]);
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(out).toMatch(
      /^job {6}job_\w+ streams\nstarted {2}only \(streaming\)\n--- only\none two \ndone {5}only in [\d.]+ s\n/,
    );
    expect(out).toMatch(
      /text {2}as streamed by only\nUsage {4}3 tokens in, 4 out, test; the app states no price\ncompleted after/,
    );
    expect(out).not.toContain("\u001b");
  });

  test("has colours at a terminal, and moves no cursor there either", async () => {
    const { out } = await sluice(["submit", "streams", "--text", "one two", "--follow"], { isTTY: true });
    const codes = out
      .split("\u001b")
      .slice(1)
      .map((after) => /^\[[\d;]*([A-Za-z])/.exec(after)?.[1]);
    expect(codes.length).toBeGreaterThan(0);
    expect(codes.filter((code) => code !== "m")).toEqual([]);
  });

  test("lets no step steer the terminal", async () => {
    const { out } = await sluice(["submit", "streams", "--text", "evil\u001b[2J\u009b1A\u0007", "--follow"], {
      isTTY: true,
    });
    expect(out).toContain("evil\ufffd[2J\ufffd1A\ufffd");
    for (const evil of ["\u001b[2J", "\u009b", "\u0007"]) expect(out).not.toContain(evil);
  });

  test("takes a text for a number only where the workflow's schema says so", async () => {
    const numbers = await sluice(["submit", "sleepy", "--ms", "1", "--steps", "1", "--wait", "20", "--json"]);
    expect(jsonOf<JobView>(numbers)).toMatchObject({ status: "completed", result: { total: 3 } });
    const text = await sluice(["submit", "echoes", "--text", "12", "--wait", "20", "--json"]);
    expect(jsonOf<JobView>(text)).toMatchObject({ result: { text: "12" } });
  });

  test("takes the whole input as JSON, also from a file, and the same key for the same job", async () => {
    const file = join(folder, "input.json");
    writeFileSync(file, '{"text":"from a file"}');
    const args = ["submit", "echoes", "--input", `@${file}`, "--idempotency-key", "once"];
    const [first, again] = [await sluice(args), await sluice(args)];
    expect(first.out).toMatch(/^job_\w+\n$/);
    expect(again.out).toBe(first.out);
    expect((await sluice(["submit", "echoes", "--input", "{"])).code).toBe(2);
    expect((await sluice(["submit", "echoes", "--input", "{}", "--text", "x"])).code).toBe(2);
    expect((await sluice(["submit", "echoes", "--input", "@nowhere"])).err).toContain("cannot be read");
  });

  test("says every violation and the request's id where the server refuses", async () => {
    const { code, out, err } = await sluice(["submit", "echoes", "--txt", "x"]);
    expect({ code, out }).toEqual({ code: 3, out: "" });
    expect(err).toMatch(/400 Invalid input/);
    expect(err).toMatch(/request [0-9a-f-]{36}/);
  });

  test("ends while the job waits for a person, and says how to go on", async () => {
    const { code, out } = await sluice(["submit", "step-throws", "--text", "x", "--follow"]);
    expect(code).toBe(5);
    expect(out).toMatch(/dead {5}only waits for a person: Error: the dependency is on fire <- Error: smoke/);
    expect(out).toMatch(/npx sluice redrive job_\w+ --step only --seq \d+\n/);
  });
});

describe("watch", () => {
  test("ends with 1 where the job has ended otherwise", async () => {
    const job = await client.submit("sleepy", { ms: 60_000, steps: 1 });
    await sluice(["cancel", job.id, "--reason", "not needed"]);
    const { code, out } = await sluice(["watch", job.id]);
    expect(code).toBe(1);
    expect(out).toMatch(/cancelled {1}not needed/);
    expect(out).toContain(`npx sluice fork ${job.id}`);
  });

  test("ends with 130 on Ctrl-C, and leaves the job alone", async () => {
    const job = await client.submit("sleepy", { ms: 60_000, steps: 1 });
    const controller = new AbortController();
    const ran = sluice(["watch", job.id], { signal: controller.signal });
    for await (const { type } of job.events()) if (type === "step.started") break;
    controller.abort(new Error("Ctrl-C"));
    expect(await ran).toMatchObject({ code: 130, err: expect.stringContaining("goes on") });
    expect((await job.get()).status).toBe("running");
    await job.cancel();
  });

  test("shows all that has happened to a job that waits for a person once more, and ends there", async () => {
    const { id } = await deadLettered();
    await sluice(["redrive", id, "--step", "only"]);
    const job = client.job(id);
    let letters = 0;
    let last = 0;
    for await (const { type, seq } of job.events()) {
      last = seq;
      if (type === "step.dead_lettered" && ++letters === 2) break;
    }
    const { code, out } = await sluice(["watch", id]);
    expect(code).toBe(5);
    expect(out.match(/^dead /gm)).toHaveLength(2);
    expect(await sluice(["watch", id, "--after", String(last)])).toMatchObject({ code: 5 });
  });

  test("says at once that there is no such job", async () => {
    expect(await sluice(["watch", "job_aaaaaaaaaaaaaaaaaaaaaaaaaa"])).toMatchObject({ code: 3, out: "" });
  });
});

describe("a person decides", () => {
  test("answers by hand", async () => {
    const { id } = await deadLettered();
    const redriven = await sluice(["redrive", id, "--step", "only", "--result", '{"text":"by hand"}']);
    expect(redriven.code).toBe(0);
    expect(await client.job(id).result()).toEqual({ text: "by hand" });
    const forked = await sluice(["fork", id, "--after", "only", "--json"]);
    expect(jsonOf<JobView>(forked)).toMatchObject({ forkedFrom: { jobId: id } });
  });

  test("gives up, which needs a reason", async () => {
    const { id } = await deadLettered();
    expect(await sluice(["discard", id])).toMatchObject({ code: 2, err: "--reason is needed\n" });
    expect((await sluice(["discard", id, "--reason", "no"])).code).toBe(0);
    expect((await sluice(["watch", id])).code).toBe(1);
  });

  test("redrives those of a filter, never all by accident", async () => {
    const { id } = await deadLettered();
    expect((await sluice(["redrive"])).code).toBe(2);
    expect((await sluice(["dead-letters", "--error", "NoSuchError"])).out).toBe("");
    const listed = await sluice(["dead-letters", "--workflow", "step-throws", "--json"]);
    expect(jsonOf<{ jobId: string }[]>(listed).map(({ jobId }) => jobId)).toContain(id);
    const { code, out } = await sluice(["redrive", "--workflow", "step-throws", "--rate", "1000"]);
    expect(code).toBe(0);
    expect(out).toContain(`${id}  only  from `);
  });
});

describe("explain", () => {
  test("tells what happened, what it cost, where to look and what to do", async () => {
    const { id } = await deadLettered();
    const { code, out } = await sluice(["explain", id, "--tenant", "default"]);
    expect(code).toBe(0);
    expect(out).toMatch(/Waterfall\n.*\n {2}only {2}throwing .*x/);
    expect(out).toMatch(/only 2 {2}failed .*\n {4}Error: the dependency is on fire\n {6}caused by Error: smoke/);
    expect(out).toMatch(/Waits for\n {2}a person, for step only/);
    expect(out).toMatch(/trace {3}[0-9a-f]{32}/);
    expect(out).toContain(`filter jobId = '${id}'`);
    const [, command = ""] = /npx sluice (redrive .*--tenant default)\n/.exec(out) ?? [];
    expect((await sluice(command.split(" "))).code).toBe(0);
  });

  test("adds up what each step used", async () => {
    const { id } = await client.submit("streams", { text: "one two" }, { waitSeconds: 20 });
    const ran = await sluice(["explain", id, "--json"]);
    expect(jsonOf(ran)).toMatchObject({
      usage: { only: { model: "test", inputTokens: 3, outputTokens: 4 } },
      remedies: [],
    });
  });
});

test("events are lines of JSON, or of words, from a cursor", async () => {
  const job = await client.submit("echoes", { text: "x" }, { waitSeconds: 20 });
  const { out } = await sluice(["events", job.id, "--jsonl", "--after", "1"]);
  const events = out
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as { seq: number });
  expect(events.map(({ seq }) => seq)).toEqual([2, 3, 4, 5]);
  expect((await sluice(["events", job.id])).out).toMatch(/^ {4}1 {6}0\.00 s {2}job\.submitted {6}echoes\n/);
  expect((await sluice(["events", job.id, "--after", "x"])).code).toBe(2);
  expect((await sluice(["events", job.id, "--after", "5"])).out).toBe("");
});

test("events of a job that goes on end with what there is, unless they are followed", async () => {
  const job = await client.submit("sleepy", { ms: 60_000, steps: 1 });
  for await (const { type } of job.events()) if (type === "step.started") break;
  expect((await sluice(["events", job.id])).out.trimEnd().split("\n")).toHaveLength(3);
  await job.cancel();
});

test("text of steps that stream at once is told apart, each line whole", () => {
  const lines: string[] = [];
  const printer = new JobPrinter(terminalOn({ write: (text: string) => lines.push(text) }, process.stderr, {}));
  const say = (stepId: string, text: string, anew: boolean) =>
    printer.text({ stepId, attempt: 1, offset: 0, text, anew });
  say("a", "one", true);
  say("b", "two", true);
  say("a", " three", false);
  printer.end();
  expect(lines.join("")).toBe("--- a\none\n--- b\ntwo\n--- a goes on\n three\n");
});

test("jobs are listed, as many as were asked for", async () => {
  for (const text of ["1", "2", "3"]) await client.submit("echoes", { text });
  expect((await sluice(["list", "--workflow", "echoes", "--limit", "2"])).out.trimEnd().split("\n")).toHaveLength(2);
});

test("a server that is not there is 4, and said at once", async () => {
  const ran = await sluice(["list", "--url", "http://127.0.0.1:9"]);
  expect(ran).toMatchObject({ code: 4, out: "" });
  expect(ran.err).toMatch(/does not answer: .*Is the server running\?/);
});

test("the help of each command has examples that it takes", async () => {
  const overview = await sluice(["--help"]);
  expect(overview.code).toBe(0);
  const names = [...overview.out.matchAll(/^ {2}([a-z][a-z-]*) {2,}\S/gm)].map(([, name = ""]) => name);
  expect(names).toEqual(expect.arrayContaining(["submit", "watch", "explain", "start", "verify"]));
  for (const name of names.filter((each) => each !== "start")) {
    const { code, out } = await sluice([name, "--help"]);
    expect(code).toBe(0);
    expect(out).toMatch(new RegExp(`Examples:\n  npx sluice ${name}`));
  }
  expect((await sluice([])).code).toBe(2);
  expect((await sluice(["bogus"])).code).toBe(2);
  expect((await sluice(["list", "--bogus"])).code).toBe(2);
  expect((await sluice(["watch"])).code).toBe(2);
});

describe("the process", () => {
  test("runs from the repository, and ends with the command's exit status", async () => {
    const { code, out } = await sluiceProcess(["submit", "echoes", "--text", "hello", "--follow"]);
    expect(code).toBe(0);
    expect(out).toContain("text  hello");
    expect((await sluiceProcess(["watch", "job_x"])).code).toBe(3);
  });

  test("takes its input from stdin", async () => {
    const child = startProcess(served.url, ["submit", "echoes", "--input", "-", "--wait", "20"]);
    child.stdin.end('{"text":"piped"}');
    expect(await ended(child)).toMatchObject({ code: 0, out: expect.stringContaining("text  piped") });
  });

  test("ends on Ctrl-C while it waits for stdin", { timeout: 60_000 }, async () => {
    const child = startProcess(served.url, ["submit", "echoes", "--input", "-"]);
    try {
      child.stdin.write("{");
      // More than a pipe holds: once it is gone, the program reads.
      await new Promise((resolve) => child.stdin.write(" ".repeat(1_000_000), resolve));
      child.kill("SIGINT");
      expect(await ended(child)).toMatchObject({ code: 130, out: "" });
    } finally {
      child.kill("SIGKILL");
    }
  });

  test("exports a log that verify finds whole, and not once it was touched", async () => {
    const job = await client.submit("echoes", { text: "x" }, { waitSeconds: 20 });
    const { out } = await sluiceProcess(["export", job.id]);
    const file = join(folder, "job.jsonl");
    writeFileSync(file, out);
    expect(await sluiceProcess(["verify", file])).toMatchObject({ code: 0, out: expect.stringContaining("whole") });
    writeFileSync(file, out.replace('"x"', '"y"'));
    expect((await sluiceProcess(["verify", file])).code).toBe(1);
  });

  test("ends with 3 where an export is refused, 4 where nobody answers, 2 where verify has no file", async () => {
    expect(await sluiceProcess(["export", `job_${"a".repeat(26)}`])).toMatchObject({ code: 3, out: "" });
    expect(await sluiceProcess(["export", "job_x"])).toMatchObject({ code: 3, out: "" });
    const nowhere = await sluiceProcess(["export", `job_${"a".repeat(26)}`, "--url", "http://127.0.0.1:9"]);
    expect(nowhere).toMatchObject({ code: 4, out: "" });
    const unread = await sluiceProcess(["verify", "/nowhere.jsonl"]);
    expect(unread).toMatchObject({ code: 2, err: expect.stringMatching(/^\/nowhere\.jsonl cannot be read: ENOENT/) });
  });

  test("starts the server with its own flags, and ends with 2 for one that it does not have", async () => {
    expect((await sluiceProcess(["start", "--bogus"])).code).toBe(2);
    expect((await sluiceProcess(["start", "--help"])).out).toMatch(/--memory/);
  });
});
