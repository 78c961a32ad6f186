import { expect, test } from "vitest";
import { follow } from "../../../examples/express/step-2-stream/follow.ts";
import { EXPRESS } from "../../../tools/examples/stand.ts";
import { BusyService } from "./busy-service.ts";
import { migrationSuite, testDifferences } from "./migration-suite.ts";

migrationSuite(EXPRESS);
testDifferences(
  "examples/express",
  { 0: "step-0-synchronous/server.ts", 1: "step-1-wait/server.ts", 2: "step-2-stream/server.ts" },
  { 1: "step-1-wait/from-step-0-synchronous.diff", 2: "step-2-stream/from-step-1-wait.diff" },
);

test("its own reader comes back when it is told to, and not before", async () => {
  await using busy = await BusyService.start();
  expect(await follow(busy.url)).toEqual({ answer: "done" });
  expect(busy.awayMs).toBeGreaterThan(2_900);
});
