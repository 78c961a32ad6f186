import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { type AwsClients, awsClients } from "../../../src/engines/aws/aws-clients.ts";
import { openAwsEngine } from "../../../src/engines/aws/aws-engine.ts";
import { functionClock } from "../../../src/engines/aws/function-clock.ts";

const run = promisify(execFile);

test("a function that waits for nothing but a timer is not ended before it", async () => {
  const clock = new URL("../../../src/engines/aws/function-clock.ts", import.meta.url).href;
  const script = `import { functionClock } from ${JSON.stringify(clock)};
    functionClock.setTimer(20, () => console.log("rung"));
    functionClock.setTimer(60_000, () => {})();`;
  const { stdout } = await run(process.execPath, ["--input-type=module", "--eval", script]);
  expect(stdout).toBe("rung\n");
});

test("the AWS engine waits by the clock of functions", () => {
  process.env.AWS_REGION ??= "us-east-1";
  const clients: AwsClients = awsClients();
  const engine = openAwsEngine({ table: "t", bucket: "b", bus: "b", queueUrlPrefix: "q-", deploySeq: 1, clients });
  expect(engine.clock).toBe(functionClock);
});
