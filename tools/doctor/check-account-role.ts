import { APIGatewayClient, GetAccountCommand } from "@aws-sdk/client-api-gateway";
import type { Identity } from "./check-identity.ts";
import { clientOptions } from "./clients.ts";
import { type Finding, fail, look, ok, warn } from "./finding.ts";

/** The role with which API Gateway writes logs: one for the account and region, without which a stage with logs cannot be made. */
export function checkAccountRole({ region }: Identity, creates: boolean): Promise<Finding[]> {
  const about = "account role";
  return look(about, "apigateway:GET on /account", async () => {
    const { cloudwatchRoleArn: role } = await new APIGatewayClient(clientOptions(region)).send(
      new GetAccountCommand({}),
    );
    if (role) {
      const kept = "leave out -c createApiGatewayAccountRole=true, unless it was this instance that made it";
      return [creates ? warn(about, `${role} would be replaced for the whole account`, kept) : ok(about, role)];
    }
    if (creates) return [ok(about, "none yet: this deployment makes it")];
    const fix = "deploy with -c createApiGatewayAccountRole=true this once";
    return [fail(about, "API Gateway has no role to write logs with in this account and region", fix)];
  });
}
