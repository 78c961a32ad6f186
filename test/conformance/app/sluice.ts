import { analysis } from "../../../app/workflows/analysis.ts";
import { calculator, completion, defineApp, readDocument, retrieval, tool } from "../../../src/index.ts";
import { fragile, hopeless, repeat, scarce, slow } from "./capabilities.ts";
import { echo } from "./echo.ts";
import { trial } from "./trial.ts";

/** The app that the conformance suite talks to, wherever it runs; it answers real analysis jobs as well. */
export default defineApp({
  workflows: [echo, trial, analysis],
  capabilities: [repeat, fragile, hopeless, slow, scarce, retrieval, completion, tool],
  tools: [calculator, readDocument],
  // More than the whole suite asks for, so that no case is in another's way.
  tenantLimits: { jobsPerMinute: 6_000, jobsInFlight: 10_000 },
});
