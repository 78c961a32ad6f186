import { GetRolePolicyCommand, type IAMClient, ListRolePoliciesCommand } from "@aws-sdk/client-iam";
import { GetFunctionConfigurationCommand, type LambdaClient } from "@aws-sdk/client-lambda";

export interface RolePolicies {
  /** The role's ARN. */
  readonly role: string;
  readonly RoleName: string;
  /** Those that are the role's own, each a document of JSON. */
  readonly policies: readonly { readonly PolicyName: string; readonly document: string }[];
}

/** The role of a function, with what it may do. */
export async function rolePoliciesOf(
  { lambda, iam }: { readonly lambda: LambdaClient; readonly iam: IAMClient },
  FunctionName: string,
): Promise<RolePolicies> {
  const { Role: role = "" } = await lambda.send(new GetFunctionConfigurationCommand({ FunctionName }));
  const RoleName = role.split("/").at(-1) ?? "";
  const { PolicyNames = [] } = await iam.send(new ListRolePoliciesCommand({ RoleName }));
  const policies = PolicyNames.map(async (PolicyName) => {
    const { PolicyDocument = "" } = await iam.send(new GetRolePolicyCommand({ RoleName, PolicyName }));
    return { PolicyName, document: decodeURIComponent(PolicyDocument) };
  });
  return { role, RoleName, policies: await Promise.all(policies) };
}
