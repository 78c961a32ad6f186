import type { Node } from "constructs";
import { z } from "zod";
import { CorsSettings } from "../src/contract/cors.ts";
import { GRADUAL_DEPLOYMENT_NAMES } from "./gradual-deployment.ts";
import { SynthError } from "./synth-error.ts";

const flag = z.union(
  [z.boolean(), z.enum(["true", "false"]).transform((text) => text === "true")],
  "must be true or false",
);

const count = z.coerce.number("must be a whole number").int("must be a whole number").min(0, "must not be negative");

/** What `-c name=value` may say, besides what is in `lib/stages.ts`. */
const Settings = z.object({
  stage: z.string().default("dev"),
  /** A second, independent instance of a stage in the same account and region. */
  instance: z
    .string()
    .regex(/^[a-z][a-z0-9]{0,15}$/, "must be up to 16 lower-case letters and digits, the first a letter")
    .optional(),
  app: z.string().default("app/sluice.ts"),
  model: z.string().optional(),
  logLevel: z.enum(["DEBUG", "INFO", "WARN", "ERROR"]).optional(),
  otlpEndpoint: z.url("must be a URL").optional(),
  xray: flag.default(false),
  streams: count.optional(),
  waits: count.optional(),
  reservedForEvents: count.optional(),
  /** With commas between. */
  corsOrigins: z
    .string()
    .transform((text) => text.split(",").map((origin) => origin.trim()))
    .pipe(CorsSettings.shape.origins)
    .optional(),
  corsMaxAgeSeconds: z.coerce.number().pipe(CorsSettings.shape.maxAgeSeconds.unwrap()).optional(),
  webSocket: flag.default(true),
  gradualDeployment: z.enum(GRADUAL_DEPLOYMENT_NAMES).optional(),
  alarmTopicArn: z
    .string()
    .regex(/^arn:[\w-]+:sns:/, "must be the ARN of an SNS topic")
    .optional(),
  runbookUrl: z.url("must be a URL").optional(),
  createApiGatewayAccountRole: flag.default(false),
  webhooksToLoopback: flag.default(false),
});
export type Settings = z.output<typeof Settings>;

/** Names in the CDK's context that are its own, besides those with a `:` or an `@` such as `@aws-cdk/core:…`. */
const CDK_NAMES = ["acknowledged-issue-numbers", "cli-telemetry"];
const isOurs = (name: string): boolean => !/[:@]/.test(name) && !CDK_NAMES.includes(name);

/** Throws {@link SynthError} that names every setting that is wrong or that nobody knows, and what was got. */
export function settingsOf(node: Node): Settings {
  return parseSettings(node.getAllContext() as Readonly<Record<string, unknown>>);
}

/**
 * Settings out of a whole context. A name that nobody knows is refused: `-c stag=prod` would be a deployment to dev.
 * Throws {@link SynthError}.
 */
export function parseSettings(context: Readonly<Record<string, unknown>>): Settings {
  const given = Object.fromEntries(Object.entries(context).filter(([name]) => isOurs(name)));
  const unknown = Object.keys(given).filter((name) => !Object.hasOwn(Settings.shape, name));
  const parsed = Settings.safeParse(given);
  if (parsed.success && unknown.length === 0) return parsed.data;
  const wrong = (parsed.error?.issues ?? []).map(({ path, message }) => {
    const name = String(path[0]);
    return `-c ${name}=…: ${message}; got ${JSON.stringify(given[name])}`;
  });
  const known = Object.keys(Settings.shape).join(", ");
  throw new SynthError(
    [...wrong, ...unknown.map((name) => `there is no setting -c ${name}=…; known are ${known}`)].join("\n"),
  );
}

/** What the instance is called, in names of stacks and secrets, logs and metrics. */
export const nameOf = ({ instance, stage }: Pick<Settings, "instance" | "stage">): string =>
  instance === undefined ? stage : `${instance}-${stage}`;

/** The stacks of the instance of a name. */
export const stackNamesOf = (name: string) => ({ data: `sluice-${name}-data`, app: `sluice-${name}-app` });
