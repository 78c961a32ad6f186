import { isBuiltin } from "node:module";
import { resolve } from "node:path";
import type { AppManifest } from "../lib/bundling/app-manifest.ts";
import { describeApp } from "../lib/bundling/describe-app.ts";
import { secretVariablesOf } from "../lib/secrets.ts";
import { nameOf, type Settings } from "../lib/settings.ts";
import { stageOf } from "../lib/stages.ts";
import { SynthError } from "../lib/synth-error.ts";
import { parseModelName, UnknownModelError } from "../src/models/model-name.ts";
import { parseCdkFlags } from "./cdk-flags.ts";
import { endWith } from "./command-line.ts";
import { checkAccountRole } from "./doctor/check-account-role.ts";
import { checkBootstrap } from "./doctor/check-bootstrap.ts";
import { checkConcurrency } from "./doctor/check-concurrency.ts";
import { checkIdentity, type Identity } from "./doctor/check-identity.ts";
import { checkModels } from "./doctor/check-models.ts";
import { checkNode } from "./doctor/check-node.ts";
import { checkSecrets } from "./doctor/check-secrets.ts";
import { checkStacks } from "./doctor/check-stacks.ts";
import { type Finding, fail, lineOf, ok } from "./doctor/finding.ts";
import { checkJsonFile, writeJson } from "./json-file.ts";
import { UsageError } from "./read-outputs.ts";

/** `npm run doctor -- -c stage=dev`: what would stand in the way of a deployment, each with what puts it right. */
const USAGE = `Usage: npm run doctor -- [-c NAME=VALUE …] [--profile NAME] [--json FILE]

  -c NAME=VALUE    settings, as they will be given to npm run deploy (stage is "dev" unless given)
  --profile NAME   credentials of this profile
  --json FILE      writes what was found

Changes nothing. Models other than embedded:extractive are called once each, for a few tokens.`;

const FLAGS = { profile: { type: "string" }, json: { type: "string" }, help: { type: "boolean", short: "h" } } as const;

async function main(): Promise<void> {
  const { settings, context, own, rest } = parseCdkFlags(process.argv.slice(2), FLAGS);
  if (own.help) return console.log(USAGE);
  if (rest.length > 0) throw new UsageError(`${rest[0]} is not known\n\n${USAGE}`);
  checkJsonFile(own.json);
  if (own.profile !== undefined) process.env.AWS_PROFILE = own.profile;
  const stage = stageOf(settings.stage, { account: undefined, region: undefined });
  const instance = nameOf(settings);
  const findings: Finding[] = [];
  const tell = (found: readonly Finding[]): void => {
    findings.push(...found);
    for (const finding of found) console.log(lineOf(finding));
  };
  const sqlite = isBuiltin("node:sqlite");
  tell([checkNode(process.version, { sqlite, typeStripping: Boolean(process.features.typescript) })]);
  const app = appOf(settings);
  tell([app.finding]);
  const { findings: ofIdentity, identity } = await checkIdentity(stage);
  tell(ofIdentity);
  if (identity !== undefined) {
    const checks = [
      checkBootstrap(identity, context["@aws-cdk/core:bootstrapQualifier"]),
      checkStacks(identity, instance, Date.now()),
      checkAccountRole(identity, settings.createApiGatewayAccountRole),
      ...(app.manifest === undefined ? [] : checksOfApp(identity, instance, app.manifest, app.models)),
    ];
    for (const check of checks) tell(await check);
    tell(await checkModels(identity, instance, app.models));
  }
  const failed = findings.filter(({ level }) => level === "FAIL").length;
  const warned = findings.filter(({ level }) => level === "WARN").length;
  console.log(`\n${instance}: ${failed} FAIL, ${warned} WARN`);
  if (failed > 0) process.exitCode = 1;
  writeJson(own.json, { instance, ok: failed === 0, findings });
}

interface AppFound {
  readonly finding: Finding;
  readonly manifest?: AppManifest;
  /** That its steps may call. */
  readonly models: readonly string[];
}

/** The app as a deployment would have it. */
function appOf({ app, model }: Settings): AppFound {
  try {
    const manifest = describeApp(resolve(app));
    const usesModel = manifest.capabilities.some((capability) => capability.usesModel);
    const models = usesModel ? [model ?? manifest.model, ...manifest.models] : [];
    for (const name of models) parseModelName(name);
    const capabilities = manifest.capabilities.map(({ name }) => name).join(", ");
    return { finding: ok("app", `${app}: ${capabilities}`), manifest, models };
  } catch (error) {
    if (!(error instanceof SynthError || error instanceof UnknownModelError)) throw error;
    return { finding: fail("app", error.message), models: [] };
  }
}

function checksOfApp(identity: Identity, instance: string, manifest: AppManifest, models: readonly string[]) {
  const variables = manifest.capabilities.flatMap((capability) => secretVariablesOf(capability, models));
  return [checkConcurrency(identity, manifest), checkSecrets(identity, instance, [...new Set(variables)].sort())];
}

main().catch((error: Error) => endWith(error, [UsageError, SynthError]));
