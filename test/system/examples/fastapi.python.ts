import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { fastapi } from "../../../tools/examples/fastapi.ts";
import { Stand } from "../../../tools/examples/stand.ts";
import { BusyService } from "./busy-service.ts";
import { migrationSuite, testDifferences } from "./migration-suite.ts";

const example = await fastapi();
migrationSuite(example);
testDifferences(
  "examples/fastapi",
  { 0: "step_0_synchronous.py", 1: "step_1_wait.py", 2: "step_2_stream.py" },
  { 1: "step_1_wait.diff", 2: "step_2_stream.diff" },
);

/** Python in the example's folder. Rejects where it ends with an error; its message has what was said. */
const python = (serviceUrl: string, ...args: string[]) =>
  promisify(execFile)(example.python, args, {
    cwd: "examples/fastapi",
    env: { ...process.env, SERVICE_URL: serviceUrl, PYTHONDONTWRITEBYTECODE: "1" },
    timeout: 60_000,
  });

/** Its own reader, without a question before. */
const follow = (serviceUrl: string, path: string) =>
  python(
    serviceUrl,
    "-c",
    `import httpx, follow; print(follow.follow(httpx.Client(base_url=follow.SERVICE_URL), "${path}"))`,
  );

const DRAFT = "I look that up in the sources, and calculate what is asked for.";

test("its own reader prints the words as they come, and the result, through kill -9 and a gateway that cuts the stream", async () => {
  await using stand = await Stand.start(example, 2, { answerMs: 3_000, limitMs: 3_000, waitS: 20 });
  const asking = python(stand.url, "follow.py", "How long do I have for returns, and what is 3 * 12?");
  let said = "";
  asking.child.stdout?.on("data", (text) => {
    said += text;
  });
  while (said.length <= DRAFT.length) await new Promise((resolve) => setTimeout(resolve, 20));
  await stand.killAndRestart();
  const { stdout } = await asking;
  const answer = "Returns are taken for 30 days, also of bags that were opened. [1] 3 * 12 = 36.";
  const [draft, begun, anew] = stdout.split("\n");
  // What the killed call had said stays where it was printed, and its repeat has a line of its own.
  expect(draft?.startsWith(DRAFT)).toBe(true);
  expect(begun).toBe("[once more]");
  expect(anew).toBe(answer);
  expect(stdout).toContain(`"answer": "${answer}"`);
});

test("its own reader is told that there is no such job, and does not ask again", async () => {
  await using stand = await Stand.start(example, 2, { answerMs: 20, limitMs: 100_000, waitS: 20 });
  await expect(follow(stand.url, `/analyses/job_${"a".repeat(26)}/events`)).rejects.toThrow("404");
  expect((await stand.gatewayCounts()).answers).toEqual({ 404: 1 });
});

test("its own reader comes back when it is told to, and not before", async () => {
  await using busy = await BusyService.start();
  expect((await follow(busy.url, "/")).stdout).toBe("{'answer': 'done'}\n");
  expect(busy.awayMs).toBeGreaterThan(2_900);
});
