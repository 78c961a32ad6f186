import { existsSync } from "node:fs";
import { nameOf } from "../lib/settings.ts";
import { stageOf } from "../lib/stages.ts";
import { SynthError } from "../lib/synth-error.ts";
import { parseModelName, UnknownModelError } from "../src/models/model-name.ts";
import { parseCdkFlags } from "./cdk-flags.ts";
import { endWith } from "./command-line.ts";
import { readOutputs, UsageError } from "./read-outputs.ts";
import { runCdk } from "./run-cdk.ts";

/** `npm run deploy -- -c stage=dev`: both stacks of an instance, its outputs in a file, and what to do next. */
const USAGE = `Usage: npm run deploy -- [-c NAME=VALUE …] [--outputs-file FILE] [--yes] [flags of cdk deploy]

  -c NAME=VALUE         settings: docs/deploy.md lists them (stage is "dev" unless given)
  --outputs-file FILE   where the outputs are written (default outputs.STAGE.json)
  --yes                 make permissions without asking, as --require-approval never`;

const FLAGS = {
  "outputs-file": { type: "string", short: "O" },
  yes: { type: "boolean", short: "y" },
  help: { type: "boolean", short: "h" },
} as const;

async function main(): Promise<number> {
  const { settings, own, contextFlags, rest } = parseCdkFlags(process.argv.slice(2), FLAGS);
  if (own.help) {
    console.log(USAGE);
    return 0;
  }
  // Synth would refuse both, too, and the CDK would bury why.
  stageOf(settings.stage, { account: undefined, region: undefined });
  if (settings.model !== undefined) parseModelName(settings.model);
  const name = nameOf(settings);
  const { "outputs-file": outputsFile = `outputs.${name}.json`, yes } = own;
  const approval = yes ? ["--require-approval", "never"] : [];
  const status = await runCdk([
    "deploy",
    "--all",
    ...contextFlags,
    "--outputs-file",
    outputsFile,
    ...approval,
    ...rest,
  ]);
  if (status === 0) console.log(`\n${next(name, outputsFile)}`);
  else console.error(`\n${helpFor(contextFlags, status)}`);
  return status;
}

function next(name: string, outputsFile: string): string {
  if (!existsSync(outputsFile)) return `The CDK is done. It wrote no outputs to ${outputsFile}.`;
  let url: string;
  try {
    url = readOutputs(outputsFile).ApiUrl;
  } catch (error) {
    // It is deployed all the same.
    if (error instanceof UsageError) return `The CDK is done. ${error.message}`;
    throw error;
  }
  return `Instance ${name} is at ${url}
Its outputs are in ${outputsFile}. Next:

  npm run smoke -- --outputs ${outputsFile}    # one job to its answer, with a key of its own
  npm run key -- --outputs ${outputsFile}      # a key to call it with: printed this once`;
}

const ROLE = "createApiGatewayAccountRole";
const isOf = (name: string, flag = ""): boolean => flag.startsWith(`${name}=`);

function helpFor(contextFlags: readonly string[], status: number): string {
  const flags = contextFlags.filter((flag, index) => !isOf(ROLE, flag) && !isOf(ROLE, contextFlags[index + 1]));
  const deploy = `npm run deploy -- ${flags.join(" ")}`;
  return `The CDK ended with ${status}; what it says above is why. What first deployments stumble over:

  "CloudWatch Logs role ARN must be set in account settings": once for the account and region
      ${deploy} -c ${ROLE}=true
  "Has the environment been bootstrapped?", "SSM parameter /cdk-bootstrap/… not found": once for the account and region
      npx cdk bootstrap
  "terminal (TTY) is not attached": nobody can be asked whether permissions may be made
      ${deploy} --yes

npm run doctor -- ${contextFlags.join(" ")} looks for these and others.`;
}

main().then(
  (status) => {
    process.exitCode = status;
  },
  (error: Error) => endWith(error, [UsageError, SynthError, UnknownModelError]),
);
