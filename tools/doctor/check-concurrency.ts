import { GetAccountSettingsCommand, LambdaClient } from "@aws-sdk/client-lambda";
import type { AppManifest } from "../../lib/bundling/app-manifest.ts";
import { WORKFLOW_CONCURRENCY } from "../../lib/workflow-queue.ts";
import type { Identity } from "./check-identity.ts";
import { clientOptions } from "./clients.ts";
import { type Finding, look, ok, warn } from "./finding.ts";

/** What a new account may start with; the usual quota is 1,000 (docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html). */
const NEW_ACCOUNT = 10;

/** Whether the account's functions may run as often at once as the workers want to, and the API besides. */
export function checkConcurrency({ region }: Identity, app: AppManifest): Promise<Finding[]> {
  const about = "concurrency";
  return look(about, "lambda:GetAccountSettings", async () => {
    const { AccountLimit } = await new LambdaClient(clientOptions(region)).send(new GetAccountSettingsCommand({}));
    const { ConcurrentExecutions: total = 0, UnreservedConcurrentExecutions: free = total } = AccountLimit ?? {};
    const wanted = workersOf(app);
    const quota = `${free} of the account's ${total} are free for all functions together; the workers take up to ${wanted}`;
    const fix = `aws service-quotas request-service-quota-increase --service-code lambda --quota-code L-B99A9384 --desired-value 1000 --region ${region}, or lower concurrency of capabilities`;
    if (total <= NEW_ACCOUNT) {
      return [warn(about, `${quota}, and the API's functions share them: enough to try it, no more`, fix)];
    }
    return [
      free > wanted ? ok(about, quota) : warn(about, `${quota}: under full load Lambda throttles, the API too`, fix),
    ];
  });
}

export const workersOf = ({ capabilities, workflows }: Pick<AppManifest, "capabilities" | "workflows">): number =>
  capabilities.reduce((sum, { concurrency }) => sum + concurrency, 0) + workflows.length * WORKFLOW_CONCURRENCY;
