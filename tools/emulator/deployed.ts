import {
  CloudFormationClient,
  GetTemplateCommand,
  ListStackResourcesCommand,
  type StackResourceSummary,
} from "@aws-sdk/client-cloudformation";

/** A resource that is there, with what its template said. */
export interface DeployedResource {
  readonly stack: string;
  readonly id: string;
  /** Of its construct, below its stack: `Sluice/Api/Submit`. */
  readonly path: string;
  readonly type: string;
  /** What `Ref` gives: a name, a URL, an id. */
  readonly physicalId: string;
  // biome-ignore lint/suspicious/noExplicitAny: whatever CloudFormation takes
  readonly properties: any;
}

interface Template {
  readonly Resources: Readonly<
    Record<
      string,
      { readonly Type: string; readonly Properties?: unknown; readonly Metadata?: Record<string, unknown> }
    >
  >;
}

/** All resources of some stacks, as CloudFormation has them. */
export async function deployedResources(stacks: readonly string[]): Promise<DeployedResource[]> {
  const cloudFormation = new CloudFormationClient({});
  const all = await Promise.all(stacks.map((stack) => resourcesOf(cloudFormation, stack)));
  cloudFormation.destroy();
  return all.flat();
}

async function resourcesOf(cloudFormation: CloudFormationClient, stack: string): Promise<DeployedResource[]> {
  const { TemplateBody = "{}" } = await cloudFormation.send(new GetTemplateCommand({ StackName: stack }));
  const { Resources } = JSON.parse(TemplateBody) as Template;
  const there = new Map<string, StackResourceSummary>();
  let next: string | undefined;
  do {
    const page: { StackResourceSummaries?: StackResourceSummary[]; NextToken?: string } = await cloudFormation.send(
      new ListStackResourcesCommand({ StackName: stack, ...(next === undefined ? {} : { NextToken: next }) }),
    );
    for (const summary of page.StackResourceSummaries ?? []) there.set(summary.LogicalResourceId ?? "", summary);
    next = page.NextToken;
  } while (next !== undefined);
  return Object.entries(Resources).flatMap(([id, { Type: type, Properties: properties = {}, Metadata }]) => {
    const physicalId = there.get(id)?.PhysicalResourceId;
    if (physicalId === undefined) return [];
    const path = String(Metadata?.["aws:cdk:path"] ?? `${stack}/${id}`)
      .slice(stack.length + 1)
      .replace(/\/(Resource|Default)$/, "");
    return [{ stack, id, path, type, physicalId, properties }];
  });
}
