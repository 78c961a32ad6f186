import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { App, CfnResource, type Stack } from "aws-cdk-lib";
import { Template } from "aws-cdk-lib/assertions";
import { describeApp } from "../../lib/bundling/describe-app.ts";
import { addStacks } from "../../lib/sluice-app.ts";

const ROOT = resolve(import.meta.dirname, "../..");
const DAY_MS = 86_400_000;

/** What of the templates of a stage the bill depends on. */
export interface Deployed {
  readonly stage: string;
  /** How many of a type of resource. */
  count(type: string): number;
  /** By the path of the function's construct. */
  readonly functions: ReadonlyMap<string, { readonly memoryMb: number; readonly traced: boolean }>;
  readonly mappings: readonly { readonly function: string; readonly batchSize: number; readonly concurrency: number }[];
  readonly logRetentionDays: number;
  readonly archiveDays: number;
  readonly pointInTimeRecovery: boolean;
  readonly throttle: { readonly rate: number; readonly burst: number };
  /** For which a job's items are kept from its submission on. */
  readonly jobDays: number;
}

interface Resource {
  readonly type: string;
  readonly path: string;
  // biome-ignore lint/suspicious/noExplicitAny: whatever CloudFormation takes
  readonly properties: any;
}

/** The templates that `npm run synth -- -c stage=STAGE` makes, without the functions' code: it takes a second. */
export function deployed(stage: string, appModule = "app/sluice.ts"): Deployed {
  const outdir = mkdtempSync(join(tmpdir(), "sluice-cost-"));
  try {
    const { context: flags } = JSON.parse(readFileSync(join(ROOT, "cdk.json"), "utf8"));
    const context = { ...flags, stage, app: join(ROOT, appModule), "aws:cdk:bundling-stacks": [] };
    const app = new App({ context, outdir, analyticsReporting: false });
    const stacks = addStacks(app, { account: undefined, region: undefined });
    const resources = [...resourcesOf(stacks.data), ...resourcesOf(stacks.app)];
    const { deadlineMs, retentionMs } = describeApp(join(ROOT, appModule));
    return { ...facts(stage, resources), jobDays: (deadlineMs + retentionMs) / DAY_MS };
  } finally {
    rmSync(outdir, { recursive: true, force: true });
  }
}

function facts(stage: string, resources: readonly Resource[]): Omit<Deployed, "jobDays"> {
  const ofType = (type: string): readonly Resource[] => resources.filter((resource) => resource.type === type);
  const [archive] = ofType("AWS::Events::Archive");
  const [table] = ofType("AWS::DynamoDB::GlobalTable");
  const [settings] = ofType("AWS::ApiGateway::Stage").flatMap(({ properties }) => properties.MethodSettings ?? []);
  return {
    stage,
    count: (type) => ofType(type).length,
    functions: new Map(
      ofType("AWS::Lambda::Function").map(({ path, properties }) => [
        path,
        { memoryMb: properties.MemorySize ?? 128, traced: properties.TracingConfig?.Mode === "Active" },
      ]),
    ),
    mappings: ofType("AWS::Lambda::EventSourceMapping").map(({ path, properties }) => ({
      function: path.replace(/\/Topic\/Messages$/, "/Worker"),
      batchSize: properties.BatchSize,
      concurrency: properties.ScalingConfig?.MaximumConcurrency ?? Number.POSITIVE_INFINITY,
    })),
    logRetentionDays: Math.max(...ofType("AWS::Logs::LogGroup").map(({ properties }) => properties.RetentionInDays)),
    archiveDays: archive?.properties.RetentionDays ?? 0,
    pointInTimeRecovery:
      table?.properties.Replicas?.[0]?.PointInTimeRecoverySpecification?.PointInTimeRecoveryEnabled === true,
    throttle: { rate: settings?.ThrottlingRateLimit ?? 10_000, burst: settings?.ThrottlingBurstLimit ?? 5_000 },
  };
}

function resourcesOf(stack: Stack): Resource[] {
  const paths = new Map(
    stack.node
      .findAll()
      .filter((construct) => CfnResource.isCfnResource(construct))
      .map((construct) => [stack.resolve(construct.logicalId) as string, construct.node.path]),
  );
  const { Resources = {} } = Template.fromStack(stack).toJSON() as {
    Resources?: Record<string, { Type: string; Properties?: unknown }>;
  };
  return Object.entries(Resources).map(([id, { Type, Properties = {} }]) => ({
    type: Type,
    path: (paths.get(id) ?? id).replace(`${stack.node.path}/`, "").replace(/\/(Resource|Default)$/, ""),
    properties: Properties,
  }));
}
