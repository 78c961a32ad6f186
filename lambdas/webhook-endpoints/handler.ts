import { parseEnvironment } from "../../src/engines/aws/environment.ts";
import { functionMetrics } from "../aws-runtime.ts";
import { awsWebhooks } from "../aws-webhooks.ts";
import { createHandler } from "./create-handler.ts";

const environment = parseEnvironment("webhook-endpoints", process.env);

export const handler = createHandler(awsWebhooks(environment, await functionMetrics(environment.SLUICE_STAGE)));
