import { GetRolePolicyCommand, IAMClient, ListRolePoliciesCommand, PutRolePolicyCommand } from "@aws-sdk/client-iam";
import { GetFunctionConfigurationCommand, LambdaClient } from "@aws-sdk/client-lambda";
import type { DeployedResource } from "./deployed.ts";

interface PolicyDocument {
  readonly Statement: readonly { readonly Resource: string | readonly string[] }[];
}

/** Takes what a function's role may do with resources whose ARN ends like this, for as long as `act` takes. */
export async function withoutPermission<T>(
  { physicalId }: DeployedResource,
  resourceEnd: string,
  act: () => Promise<T>,
): Promise<T> {
  const iam = new IAMClient({});
  const { Role = "" } = await new LambdaClient({}).send(
    new GetFunctionConfigurationCommand({ FunctionName: physicalId }),
  );
  const RoleName = Role.split("/").at(-1) ?? "";
  const { PolicyNames = [] } = await iam.send(new ListRolePoliciesCommand({ RoleName }));
  const [PolicyName = ""] = PolicyNames;
  const { PolicyDocument = "" } = await iam.send(new GetRolePolicyCommand({ RoleName, PolicyName }));
  const whole = decodeURIComponent(PolicyDocument);
  const policy = JSON.parse(whole) as PolicyDocument;
  const left = policy.Statement.filter(({ Resource }) => ![Resource].flat().some((arn) => arn.endsWith(resourceEnd)));
  if (left.length === policy.Statement.length) throw new RangeError(`${Role} may do nothing with …${resourceEnd}`);
  const put = (document: string) =>
    iam.send(new PutRolePolicyCommand({ RoleName, PolicyName, PolicyDocument: document }));
  await put(JSON.stringify({ ...policy, Statement: left }));
  try {
    return await act();
  } finally {
    await put(whole);
  }
}
