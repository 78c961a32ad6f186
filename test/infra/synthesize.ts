import { readFileSync } from "node:fs";
import { join } from "node:path";
import { App, CfnResource, type Stack } from "aws-cdk-lib";
import { Template } from "aws-cdk-lib/assertions";
import { addStacks } from "../../lib/sluice-app.ts";
import type { Credentials } from "../../lib/stages.ts";
import { evaluate } from "./evaluate.ts";
import "./scratch.ts";

const ROOT = join(import.meta.dirname, "../..");
export const ACCOUNT = "111122223333";
export const REGION = "eu-central-1";
export const CREDENTIALS: Credentials = { account: ACCOUNT, region: REGION };

/** A CDK app with the flags of `cdk.json`, as the command line makes it. Code is bundled only if asked for: it takes seconds. */
export function cdkApp(context: Readonly<Record<string, unknown>> = {}, bundled = false): App {
  const { context: flags } = JSON.parse(readFileSync(join(ROOT, "cdk.json"), "utf8"));
  const bundling = bundled ? {} : { "aws:cdk:bundling-stacks": [] };
  return new App({ context: { ...flags, ...bundling, ...context }, analyticsReporting: false });
}

export interface Resource {
  readonly id: string;
  readonly type: string;
  /** Of its construct, below its stack. */
  readonly path: string;
  // biome-ignore lint/suspicious/noExplicitAny: whatever CloudFormation takes
  readonly properties: any;
  readonly deletionPolicy: string | undefined;
}

/** A stack's template, with what tests ask of it. */
export class SynthesizedStack {
  readonly stack: Stack;
  readonly template: Template;
  // biome-ignore lint/suspicious/noExplicitAny: a template
  readonly json: any;
  readonly resources: readonly Resource[];
  readonly #byId: ReadonlyMap<string, Resource>;

  constructor(stack: Stack) {
    this.stack = stack;
    this.template = Template.fromStack(stack);
    this.json = this.template.toJSON();
    const paths = new Map(
      stack.node
        .findAll()
        .filter((construct) => CfnResource.isCfnResource(construct))
        .map((construct) => [stack.resolve(construct.logicalId) as string, construct.node.path]),
    );
    this.resources = Object.entries(this.json.Resources as Record<string, Record<string, unknown>>).map(
      ([id, { Type, Properties = {}, DeletionPolicy }]) => ({
        id,
        type: Type as string,
        path: (paths.get(id) ?? id).replace(`${stack.node.path}/`, "").replace(/\/(Resource|Default)$/, ""),
        properties: Properties,
        deletionPolicy: DeletionPolicy as string | undefined,
      }),
    );
    this.#byId = new Map(this.resources.map((resource) => [resource.id, resource]));
  }

  ofType(type: string): Resource[] {
    return this.resources.filter((resource) => resource.type === type);
  }

  /** The resource at a construct's path. */
  at(path: string): Resource {
    const found = this.resources.find((resource) => resource.path === path);
    if (found) return found;
    throw new RangeError(
      `${this.stack.node.path} has nothing at ${path}; it has ${this.resources.map((r) => r.path).join(", ")}`,
    );
  }

  byId(id: string): Resource | undefined {
    return this.#byId.get(id);
  }
}

export interface Synthesized {
  readonly data: SynthesizedStack;
  readonly app: SynthesizedStack;
}

export interface SynthesizeOptions {
  /** What `-c` says. */
  readonly context?: Readonly<Record<string, unknown>>;
  readonly bundled?: boolean;
  readonly credentials?: Credentials;
}

/** Both stacks as `npm run synth` makes them. */
export function synthesize({
  context = {},
  bundled = false,
  credentials = CREDENTIALS,
}: SynthesizeOptions = {}): Synthesized {
  const stacks = addStacks(cdkApp(context, bundled), credentials);
  return { data: new SynthesizedStack(stacks.data), app: new SynthesizedStack(stacks.app) };
}

/** Values of the app's template with each reference as the path of what it refers to: `<Data/Table>.Arn`, `<Pipeline/…>`. */
export function labelled({ data, app }: Synthesized, value: unknown): unknown {
  const refer =
    (of: SynthesizedStack) =>
    (id: string, attribute: string): string => {
      if (attribute === "Import") return evaluate(exportOf(data, id), refer(data)) as string;
      if (id.startsWith("AWS::")) return `<${id}>`;
      return `<${of.byId(id)?.path ?? id}>${attribute === "Ref" ? "" : `.${attribute}`}`;
    };
  return evaluate(value, refer(app));
}

/** The value of an export, by the name that `Fn::ImportValue` gives. */
function exportOf(stack: SynthesizedStack, name: string): unknown {
  const outputs = Object.values(stack.json.Outputs ?? {}) as { Value: unknown; Export?: { Name: string } }[];
  const found = outputs.find((output) => output.Export?.Name === name);
  if (found) return found.Value;
  throw new RangeError(`${stack.stack.node.path} exports no ${name}`);
}
