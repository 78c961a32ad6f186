export { type FinishedJob, fake, type RunOptions, runWorkflow } from "./run-workflow.ts";
export { VirtualClock } from "./virtual-clock.ts";
