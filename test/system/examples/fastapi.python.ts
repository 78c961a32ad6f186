import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { fastapi } from "../../../tools/examples/fastapi.ts";
import { Stand } from "../../../tools/examples/stand.ts";
import { migrationSuite, testDifferences } from "./migration-suite.ts";

const example = await fastapi();
migrationSuite(example);
testDifferences(
  "examples/fastapi",
  { 0: "step_0_synchronous.py", 1: "step_1_wait.py", 2: "step_2_stream.py" },
  { 1: "step_1_wait.diff", 2: "step_2_stream.diff" },
);

test("its own reader prints the words as they come, and the result, through kill -9 and a gateway that cuts the stream", async () => {
  await using stand = await Stand.start(example, 2, { answerMs: 3_000, limitMs: 3_000, waitS: 20 });
  const asking = promisify(execFile)(
    example.python,
    ["follow.py", "How long do I have for returns, and what is 3 * 12?"],
    {
      cwd: "examples/fastapi",
      env: { ...process.env, SERVICE_URL: stand.url, PYTHONDONTWRITEBYTECODE: "1" },
    },
  );
  while ((await stand.modelCalls()).length < 2) await new Promise((resolve) => setTimeout(resolve, 20));
  await stand.killAndRestart();
  const { stdout } = await asking;
  expect(stdout).toMatch(/^I look that up in the sources, and calculate what is asked for\./);
  expect(stdout).toContain(
    '"answer": "Returns are taken for 30 days, also of bags that were opened. [1] 3 * 12 = 36."',
  );
});
