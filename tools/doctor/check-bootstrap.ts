import { GetParameterCommand, SSMClient } from "@aws-sdk/client-ssm";
import type { Identity } from "./check-identity.ts";
import { clientOptions } from "./clients.ts";
import { type Finding, fail, look, ok, warn } from "./finding.ts";

/** What this version of the CDK asks of its own resources in an account: stacks, and the role that it looks things up with. */
export const BOOTSTRAP_VERSION = { stacks: 6, lookups: 8 } as const;
const DEFAULT_QUALIFIER = "hnb659fds";

export function checkBootstrap(
  { account, region }: Identity,
  qualifier: unknown = DEFAULT_QUALIFIER,
): Promise<Finding[]> {
  const about = "bootstrap";
  const fix = `npx cdk bootstrap aws://${account}/${region}`;
  const Name = `/cdk-bootstrap/${qualifier}/version`;
  return look(about, `ssm:GetParameter on ${Name}`, async () => {
    try {
      const { Parameter } = await new SSMClient(clientOptions(region)).send(new GetParameterCommand({ Name }));
      const version = Number(Parameter?.Value);
      const { stacks, lookups } = BOOTSTRAP_VERSION;
      if (version >= lookups) return [ok(about, `version ${version}`)];
      if (version >= stacks)
        return [warn(about, `version ${version}; from ${lookups} on the CDK can look things up`, fix)];
      return [fail(about, `version ${Parameter?.Value}; the CDK needs ${stacks}`, fix)];
    } catch (error) {
      if ((error as Error).name !== "ParameterNotFound") throw error;
      return [
        fail(about, `account ${account}, ${region}, has none of the CDK's own resources (no parameter ${Name})`, fix),
      ];
    }
  });
}
