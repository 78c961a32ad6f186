import type { Node } from "constructs";
import { z } from "zod";
import { SynthError } from "./synth-error.ts";

const flag = z.union(
  [z.boolean(), z.enum(["true", "false"]).transform((text) => text === "true")],
  "must be true or false",
);

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
  alarmTopicArn: z
    .string()
    .regex(/^arn:[\w-]+:sns:/, "must be the ARN of an SNS topic")
    .optional(),
  runbookUrl: z.url("must be a URL").optional(),
  createApiGatewayAccountRole: flag.default(false),
});
export type Settings = z.output<typeof Settings>;

/** Throws {@link SynthError} that names every setting that is wrong, and what was got. */
export function settingsOf(node: Node): Settings {
  const given = Object.fromEntries(
    Object.keys(Settings.shape)
      .map((name) => [name, node.tryGetContext(name) as unknown] as const)
      .filter(([, value]) => value !== undefined),
  );
  const parsed = Settings.safeParse(given);
  if (parsed.success) return parsed.data;
  const wrong = parsed.error.issues.map(({ path, message }) => {
    const name = String(path[0]);
    return `-c ${name}=…: ${message}; got ${JSON.stringify(given[name])}`;
  });
  throw new SynthError(wrong.join("\n"));
}
