import { RetentionDays } from "aws-cdk-lib/aws-logs";
import { SynthError } from "./synth-error.ts";

/** Where and how a stage is deployed. */
export interface Stage {
  readonly name: string;
  /** The account and region that this stage belongs to: a deployment with credentials of another fails at synth. @default those of the credentials */
  readonly account?: string;
  readonly region?: string;
  /** Data outlives its stack, and the stack cannot be deleted by mistake. */
  readonly retain: boolean;
  /** How long the bus keeps what was published, in days. */
  readonly archiveDays: number;
  readonly logRetention: RetentionDays;
}

/** Yours to change: put the account and region of each stage here. */
export const stages = {
  dev: { name: "dev", retain: false, archiveDays: 30, logRetention: RetentionDays.ONE_WEEK },
  prod: { name: "prod", retain: true, archiveDays: 30, logRetention: RetentionDays.THREE_MONTHS },
} satisfies Record<string, Stage>;

/** What the command line says of itself: `CDK_DEFAULT_ACCOUNT` and `CDK_DEFAULT_REGION`, set by the CDK from the credentials. */
export interface Credentials {
  readonly account: string | undefined;
  readonly region: string | undefined;
}

/** The stage of a name. Throws {@link SynthError} for one that is not known, and for credentials of another account or region. */
export function stageOf(
  name: string,
  credentials: Credentials,
  known: Readonly<Record<string, Stage>> = stages,
): Stage {
  const stage = Object.hasOwn(known, name) ? known[name] : undefined;
  if (stage === undefined) {
    throw new SynthError(
      `there is no stage ${JSON.stringify(name)}; lib/stages.ts has ${Object.keys(known).join(", ")}`,
    );
  }
  for (const part of ["account", "region"] as const) {
    const [wanted, got] = [stage[part], credentials[part]];
    if (wanted !== undefined && got !== undefined && wanted !== got) {
      throw new SynthError(`stage ${name} belongs to ${part} ${wanted} (lib/stages.ts); the credentials are of ${got}`);
    }
  }
  return stage;
}
