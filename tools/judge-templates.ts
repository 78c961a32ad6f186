import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { App, Stack } from "aws-cdk-lib";
import { SubnetType, Vpc } from "aws-cdk-lib/aws-ec2";
import { Sluice } from "../lib/sluice.ts";
import { addStacks } from "../lib/sluice-app.ts";
import type { Credentials } from "../lib/stages.ts";
import { ensureVenv } from "./python-venv.ts";

/**
 * `npm run test:templates`: has cfn-lint judge every template that the stacks can become, its mere remarks included. Ends
 * with 1 if it says anything that `.cfnlintrc.yaml` does not answer, or if the CDK refuses one. Needs Python.
 */
const ROOT = join(import.meta.dirname, "..");
const SHIPPED = "app/sluice.ts";
const CONFORMANCE = "test/conformance/app/sluice.ts";
const CREDENTIALS: Credentials = { account: "111122223333", region: "eu-central-1" };
/** Its configuration file is that of the working directory. */
const STRICT = ["--format", "pretty", "--include-checks", "I", "--regions", "us-east-1", "eu-central-1"];
const NOBODY: Credentials = { account: undefined, region: undefined };

type Context = Readonly<Record<string, unknown>>;

interface Case {
  readonly name: string;
  readonly context?: Context;
  readonly credentials?: Credentials;
}

const CASES: readonly Case[] = [
  { name: "dev" },
  { name: "prod", context: { stage: "prod" } },
  { name: "deployed at once by CodeDeploy", context: { gradualDeployment: "LambdaAllAtOnce" } },
  { name: "without credentials", credentials: NOBODY },
  { name: "with a model of Bedrock", context: { model: "bedrock:eu.amazon.nova-lite-v1:0" } },
  { name: "with a model that needs a key, and so a secret", context: { model: "openai:gpt-5" } },
  {
    name: "with every setting",
    context: {
      instance: "blue",
      createApiGatewayAccountRole: "true",
      alarmTopicArn: "arn:aws:sns:eu-central-1:111122223333:on-call",
      otlpEndpoint: "https://collector.example.org:4318",
      logLevel: "DEBUG",
      xray: "true",
      gradualDeployment: "LambdaLinear10PercentEvery1Minute",
      runbookUrl: "https://example.org/runbook.md",
    },
  },
  ...(existsSync(join(ROOT, CONFORMANCE))
    ? [{ name: "the conformance suite's app", context: { app: CONFORMANCE } }]
    : []),
];

async function main(): Promise<number> {
  const dir = mkdtempSync(join(tmpdir(), "sluice-templates-"));
  try {
    const venv = await ensureVenv({
      name: "cfn-lint",
      requirementsFile: join(import.meta.dirname, "python/cfn-lint.txt"),
    });
    const templates = [...CASES.map((each) => synthesize(each, dir)), embedded(dir)].flat();
    const judge = spawnSync(venv.python, ["-I", venv.bin("cfn-lint"), ...STRICT, "--", ...templates], {
      cwd: ROOT,
      stdio: "inherit",
    });
    if (judge.error) throw judge.error;
    if (judge.status === 0) console.log(`cfn-lint finds nothing in ${templates.length} templates`);
    return judge.status ?? 1;
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

/** As `cdk synth` makes it, but for the code, which takes time and is not in a template. */
function cdkApp(name: string, dir: string, context: Context = {}): App {
  const { context: flags } = JSON.parse(readFileSync(join(ROOT, "cdk.json"), "utf8")) as { context: Context };
  const always = { "aws:cdk:bundling-stacks": [], "aws:cdk:enable-path-metadata": true };
  return new App({ outdir: join(dir, name), context: { ...flags, ...always, app: SHIPPED, ...context } });
}

function synthesize({ name, context, credentials = CREDENTIALS }: Case, dir: string): string[] {
  const app = cdkApp(name, dir, context);
  addStacks(app, credentials);
  return templatesOf(app);
}

/** In a stack of a user's own, data and all, and in a network. */
function embedded(dir: string): string[] {
  const app = cdkApp("embedded", dir);
  const stack = new Stack(app, "Mine", { env: { account: "111122223333", region: "eu-central-1" } });
  const subnetConfiguration = [{ name: "private", subnetType: SubnetType.PRIVATE_WITH_EGRESS }];
  const vpc = new Vpc(stack, "Vpc", { natGateways: 0, subnetConfiguration });
  new Sluice(stack, "Ai", { app: join(ROOT, SHIPPED), vpc });
  return templatesOf(app);
}

function templatesOf(app: App): string[] {
  app.synth();
  return readdirSync(app.outdir)
    .filter((file) => file.endsWith(".template.json"))
    .map((file) => join(app.outdir, file));
}

process.chdir(ROOT);
process.exit(await main());
