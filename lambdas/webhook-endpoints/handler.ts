import { parseEnvironment } from "../../src/engines/aws/environment.ts";
import { functionMetrics } from "../aws-runtime.ts";
import { awsWebhooks } from "../aws-webhooks.ts";
import { withCors } from "../with-cors.ts";
import { createHandler } from "./create-handler.ts";

const environment = parseEnvironment("webhook-endpoints", process.env);

const deps = awsWebhooks(environment, await functionMetrics(environment.SLUICE_STAGE));

export const handler = withCors(createHandler(deps), environment.SLUICE_CORS);
