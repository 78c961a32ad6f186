import { expect, test } from "vitest";
import { runCommand } from "../../../tools/emulator/run-command.ts";

const env = process.env;

/** Starts another process, which has its pipes, tells its pid and waits for it, as our tools do with the CDK. */
const NESTED = ["-c", "sleep 30 & echo $!; wait"];

test("what a command has started ends with it when its time is over", async () => {
  const startMs = performance.now();
  const error = await runCommand("sh", NESTED, { env, timeoutMs: 300 }).catch((reason: Error) => reason);
  expect(error).toMatchObject({ name: "CommandError", message: expect.stringContaining("nothing after 0.3 s") });
  expect(performance.now() - startMs).toBeLessThan(10_000);
});

test("a command that ends by itself gives what it wrote; another's end is told with it", async () => {
  expect(await runCommand("sh", ["-c", "echo done"], { env })).toBe("done\n");
  await expect(runCommand("sh", ["-c", "echo oh >&2; exit 3"], { env })).rejects.toMatchObject({
    output: "oh\n",
    message: expect.stringContaining("ended with 3"),
  });
});
