import { afterAll, beforeAll, expect, test } from "vitest";
import { runHere } from "./command-line.ts";
import { type HttpSide, httpSide, JOB_ID, json } from "./follower.ts";

/** What a model, a document or another's server says, in each place where text is shown: none of it may steer the terminal. */
const EVIL = "\u001b]0;title\u0007\u001b[31mEVIL\u009b2J\u007f; 'x'";
const error = { name: EVIL, message: EVIL, cause: { name: "Error", message: EVIL } };
const time = "2026-01-01T00:00:00.000Z";
const common = { jobId: JOB_ID, tenant: "default", time };
const events = [
  { ...common, seq: 1, type: "job.submitted", workflow: EVIL, input: {}, deadline: time },
  { ...common, seq: 2, type: "step.requested", stepId: EVIL, capability: EVIL, input: {} },
  { ...common, seq: 3, type: "step.started", stepId: EVIL, capability: EVIL, attempt: 1, lease: { holder: EVIL } },
  { ...common, seq: 4, type: "step.progress", stepId: EVIL, attempt: 1, offset: 0, text: EVIL },
  { ...common, seq: 5, type: "step.failed", stepId: EVIL, attempt: 1, error },
  { ...common, seq: 6, type: "job.failed", error },
];
const attempt = { attempt: 1, outcome: "failed", startedAt: time, endedAt: time, error };
const view = {
  id: JOB_ID,
  workflow: EVIL,
  status: "failed",
  createdAt: time,
  updatedAt: time,
  deadline: time,
  seq: 6,
  steps: [
    { id: EVIL, capability: EVIL, status: "completed", requestedAt: time, attempts: [attempt], error },
    { id: `${EVIL}2`, capability: EVIL, status: "dead-lettered", requestedAt: time, attempts: [attempt], error },
  ],
  signals: [{ name: EVIL, status: "awaited" }],
  error,
  result: { [EVIL]: EVIL, sources: [{ marker: EVIL, path: EVIL, title: EVIL }] },
  usage: { model: EVIL, inputTokens: 1, outputTokens: 1 },
};
const letter = { ...common, workflow: EVIL, stepId: EVIL, seq: 7, error, attempts: [], deadline: EVIL };
const redriven = {
  redriven: [{ jobId: JOB_ID, stepId: EVIL, notBefore: EVIL }],
  failed: [{ jobId: JOB_ID, stepId: EVIL, status: 409, detail: EVIL }],
  inDoubt: 0,
};

let side: HttpSide;

beforeAll(async () => {
  side = await httpSide((request, response) => {
    const { pathname } = new URL(request.url ?? "", "http://x");
    if (pathname.endsWith("/dead-letters")) return json(response, 200, { deadLetters: [letter] });
    if (pathname.endsWith("/dead-letters/redrive")) return json(response, 200, redriven);
    if (pathname.endsWith("/cancel"))
      return json(response, 403, { title: EVIL, detail: EVIL, errors: [{ path: EVIL, message: EVIL }] });
    if (pathname.endsWith("/events")) return json(response, 200, { events, next: 6, ended: true });
    if (pathname.endsWith("/tickets")) return json(response, 404, { title: "No", detail: "no" });
    if (pathname.endsWith("/jobs") && request.method === "GET") return json(response, 200, { jobs: [view] });
    json(response, 200, view);
  });
});
afterAll(() => side[Symbol.asyncDispose]());

test.each([
  [["watch", JOB_ID]],
  [["submit", "x", "--follow"]],
  [["submit", "x", "--wait", "1"]],
  [["get", JOB_ID]],
  [["list"]],
  [["events", JOB_ID]],
  [["explain", JOB_ID]],
  [["dead-letters"]],
  [["redrive", "--all"]],
  [["cancel", JOB_ID]],
])("lets no text steer the terminal: %s", async (args) => {
  const plain = await runHere(side.url, args);
  expect(plain.out + plain.err).toContain("EVIL");
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the ones to keep out
  expect(plain.out + plain.err).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/);
  const { out, err } = await runHere(side.url, args, { isTTY: true });
  for (const evil of ["\u001b]", "\u0007", "\u001b[31mEVIL", "\u009b", "\u007f"]) expect(out + err).not.toContain(evil);
});

test.each([[["get", JOB_ID]], [["events", JOB_ID, "--jsonl"]], [["explain", JOB_ID]], [["list"]]])(
  "gives programs every character, and terminals none that steers: %s",
  async (args) => {
    const { out } = await runHere(side.url, args.includes("--jsonl") ? args : [...args, "--json"]);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the ones to keep out
    expect(out).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/);
    expect(JSON.stringify(JSON.parse(out.split("\n")[0] ?? ""))).toContain(JSON.stringify(EVIL).slice(1, -1));
  },
);

test("proposes commands that a shell takes as they are meant", async () => {
  const url = `${side.url}/a'b$(c)`;
  const { out } = await runHere("http://127.0.0.1:9", ["explain", JOB_ID, "--url", url]);
  expect(out).toContain(`--url '${side.url}/a'\\''b$(c)'`);
});
