import { createInterface } from "node:readline";
import { CloudFormationClient } from "@aws-sdk/client-cloudformation";
import { nameOf, stackNamesOf } from "../lib/settings.ts";
import { stageOf } from "../lib/stages.ts";
import { SynthError } from "../lib/synth-error.ts";
import { parseCdkFlags } from "./cdk-flags.ts";
import { endWith } from "./command-line.ts";
import { clientOptions } from "./doctor/clients.ts";
import { UsageError } from "./read-outputs.ts";
import { runCdk } from "./run-cdk.ts";
import { stackStatus } from "./stack-status.ts";

/** `npm run destroy -- -c stage=dev`: removes an instance, and its data only where the stage does not retain it. */
const USAGE = `Usage: npm run destroy -- [-c NAME=VALUE …] [--yes] [flags of cdk destroy]

  -c NAME=VALUE   settings, as they were given to npm run deploy (stage is "dev" unless given)
  --yes           without asking for the instance's name

A stage that retains its data (lib/stages.ts) loses its App stack only.`;

const FLAGS = {
  yes: { type: "boolean", short: "y" },
  profile: { type: "string" },
  help: { type: "boolean", short: "h" },
} as const;

async function main(): Promise<number> {
  const { settings, own, contextFlags, rest } = parseCdkFlags(process.argv.slice(2), FLAGS);
  if (own.help) {
    console.log(USAGE);
    return 0;
  }
  if (own.profile !== undefined) process.env.AWS_PROFILE = own.profile;
  const { retain, region } = stageOf(settings.stage, { account: undefined, region: undefined });
  const name = nameOf(settings);
  const stacks = stackNamesOf(name);
  if (!own.yes) {
    console.log(retain ? retainedOf(stacks) : lostOf(stacks));
    await confirm(name);
  }
  const what = retain ? [stacks.app, "--exclusively"] : ["--all"];
  const absent = await areAbsent(retain ? [stacks.app] : [stacks.app, stacks.data], region);
  const profile = own.profile === undefined ? [] : ["--profile", own.profile];
  const status = await runCdk(["destroy", ...what, "--force", ...contextFlags, ...profile, ...rest]);
  if (status !== 0) return status;
  const removed = retain ? keptOf(name, stacks, contextFlags) : `Instance ${name} is gone.`;
  console.log(`\n${absent ? nothingOf(name, stacks, retain) : removed}`);
  return status;
}

/** The CDK says of a stack that there never was that it is destroyed. False where one may be there. */
async function areAbsent(names: readonly string[], ofStage: string | undefined): Promise<boolean> {
  const region = ofStage ?? process.env.AWS_REGION ?? process.env.AWS_DEFAULT_REGION;
  try {
    const client = new CloudFormationClient(clientOptions(region));
    const statuses = await Promise.all(names.map((name) => stackStatus(client, name)));
    return statuses.every((status) => status === undefined);
  } catch {
    // Whoever may not look may still be allowed to remove: the CDK says what is wrong.
    return false;
  }
}

type Stacks = ReturnType<typeof stackNamesOf>;

const lostOf = ({ app, data }: Stacks): string =>
  `${app} and ${data} are removed with everything in them: jobs, documents, keys, archive. Nothing of it comes back.`;

const retainedOf = ({ app, data }: Stacks): string =>
  `${app} is removed: the API, workers, queues. ${data} stays as it is. Jobs go on when ${app} is deployed again.`;

const nothingOf = (name: string, { app, data }: Stacks, retain: boolean): string =>
  `Nothing was removed: there is no ${retain ? app : `${app} and no ${data}`} in this account and region. Was ${name} deployed with other settings?`;

const keptOf = (name: string, { app, data }: Stacks, contextFlags: readonly string[]): string =>
  `${app} is gone. ${data} is as it was: jobs, documents, keys, archive.
  npm run deploy -- ${contextFlags.join(" ")}   takes it up again; wait a minute, until SQS has freed the queues' names
To remove the data of ${name} for good: docs/runbook.md#removing-an-instance`;

/** Throws {@link UsageError} for any other name, and for none. */
async function confirm(name: string): Promise<void> {
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  const typed = await new Promise<string>((resolve) => {
    terminal.on("close", () => resolve(""));
    terminal.question(`Type the instance's name, ${name}, to go on: `, resolve);
  });
  terminal.close();
  if (typed.trim() === name) return;
  throw new UsageError(`Nothing was removed: ${JSON.stringify(typed.trim())} is not ${name}. --yes does not ask`);
}

main().then(
  (status) => {
    process.exitCode = status;
  },
  (error: Error) => endWith(error, [UsageError, SynthError]),
);
