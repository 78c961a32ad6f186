import { EXPRESS } from "../../../tools/examples/stand.ts";
import { migrationSuite, testDifferences } from "./migration-suite.ts";

migrationSuite(EXPRESS);
testDifferences(
  "examples/express",
  { 0: "step-0-synchronous/server.ts", 1: "step-1-wait/server.ts", 2: "step-2-stream/server.ts" },
  { 1: "step-1-wait/from-step-0-synchronous.diff", 2: "step-2-stream/from-step-1-wait.diff" },
);
