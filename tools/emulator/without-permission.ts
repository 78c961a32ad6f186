import { IAMClient, PutRolePolicyCommand } from "@aws-sdk/client-iam";
import { LambdaClient } from "@aws-sdk/client-lambda";
import type { DeployedResource } from "./deployed.ts";
import { rolePoliciesOf } from "./role-policies.ts";

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
  const { role, RoleName, policies } = await rolePoliciesOf({ iam, lambda: new LambdaClient({}) }, physicalId);
  const [own] = policies;
  if (own === undefined) throw new RangeError(`${role} may do nothing at all`);
  const { PolicyName, document: whole } = own;
  const policy = JSON.parse(whole) as PolicyDocument;
  const left = policy.Statement.filter(({ Resource }) => ![Resource].flat().some((arn) => arn.endsWith(resourceEnd)));
  if (left.length === policy.Statement.length) throw new RangeError(`${role} may do nothing with …${resourceEnd}`);
  const put = (document: string) =>
    iam.send(new PutRolePolicyCommand({ RoleName, PolicyName, PolicyDocument: document }));
  await put(JSON.stringify({ ...policy, Statement: left }));
  try {
    return await act();
  } finally {
    await put(whole);
  }
}
