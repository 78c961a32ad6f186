import { apiChecks } from "./api.ts";
import type { Check } from "./check.ts";
import { dataChecks } from "./data.ts";
import { functionChecks } from "./functions.ts";
import { logChecks } from "./logs.ts";
import { operationChecks } from "./operations.ts";
import { queueChecks } from "./queues.ts";
import { ruleChecks } from "./rules.ts";
import { socketChecks } from "./sockets.ts";

/** All that is asked of the services after a deployment. */
export const CHECKS: readonly Check[] = [
  ...queueChecks,
  ...ruleChecks,
  ...dataChecks,
  ...functionChecks,
  ...operationChecks,
  ...logChecks,
  ...apiChecks,
  ...socketChecks,
];
