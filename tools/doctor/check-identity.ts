import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import { type Stage, stageOf } from "../../lib/stages.ts";
import { SynthError } from "../../lib/synth-error.ts";
import { clientOptions } from "./clients.ts";
import { type Finding, fail, ok } from "./finding.ts";

export interface Identity {
  readonly account: string;
  /** Where the stage goes. */
  readonly region: string;
}

export interface IdentityFound {
  readonly findings: readonly Finding[];
  /** Undefined where nothing else can be asked. */
  readonly identity?: Identity;
}

/** Whose credentials these are, and whether the stage goes there. */
export async function checkIdentity({ name, region: wanted }: Stage): Promise<IdentityFound> {
  const region = await regionOf(wanted);
  if (region === undefined) {
    return { findings: [fail("region", "none is set", "export AWS_REGION=…, or give stage its own in lib/stages.ts")] };
  }
  try {
    const { Account: account = "", Arn } = await new STSClient(clientOptions(region)).send(
      new GetCallerIdentityCommand({}),
    );
    const who = ok("credentials", `${Arn} of account ${account}`);
    return { findings: [who, placeOf(name, account, region)], identity: { account, region } };
  } catch (error) {
    const { name: kind, message } = error as Error;
    const fix =
      "sign in (aws sso login, aws configure) or name another profile (AWS_PROFILE), until aws sts get-caller-identity answers";
    return { findings: [fail("credentials", `none that AWS takes: ${kind}: ${message}`, fix)] };
  }
}

/** The environment's, as the CDK takes it. */
async function regionOf(wanted: string | undefined): Promise<string | undefined> {
  const { AWS_REGION, AWS_DEFAULT_REGION } = process.env;
  const given = AWS_REGION || AWS_DEFAULT_REGION;
  if (given) return given;
  return new STSClient().config.region().catch(() => wanted);
}

function placeOf(stage: string, account: string, region: string): Finding {
  try {
    stageOf(stage, { account, region });
    return ok("stage", `${stage} goes to account ${account}, ${region}`);
  } catch (error) {
    if (!(error instanceof SynthError)) throw error;
    return fail("stage", error.message, "use that account's credentials and that region, or change lib/stages.ts");
  }
}
