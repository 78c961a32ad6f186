import { z } from "zod";
import { CorsSettings } from "../../contract/cors.ts";

/** What is wrong with a function's environment: every variable, what was got and what is allowed. */
export class EnvironmentError extends Error {
  override readonly name = "EnvironmentError";
}

const name = z.string().min(1, "must not be empty");
const arn = z.string().regex(/^arn:[\w-]+:secretsmanager:/, "must be the ARN of a secret");

const VARIABLE = /^[A-Z][A-Z0-9_]*$/;

/** Variables of which only this is known by more than one kind of function. */
const stage = { SLUICE_STAGE: name };
const logs = { SLUICE_TABLE: name, SLUICE_BUCKET: name };
const writes = {
  ...stage,
  ...logs,
  SLUICE_BUS: name,
  SLUICE_QUEUE_URL_PREFIX: z.url().refine((url) => url.endsWith("-"), "must end with '-'"),
  SLUICE_DEPLOY_SEQ: z
    .string()
    .regex(/^[1-9]\d{0,14}$/, "must be a whole number above 0")
    .transform(Number),
  /** Where it is told what there is to send to watchers. Without it nobody watches by WebSocket. */
  SLUICE_DELIVERY_QUEUE_URL: z.url("must be a URL").optional(),
};
/** For emulators: where functions run on the machine of their receivers. */
const loopback = {
  SLUICE_WEBHOOKS_TO_LOOPBACK: z
    .enum(["true", "false"])
    .transform((text) => text === "true")
    .optional(),
};
const webhooks = { ...stage, ...logs, SLUICE_QUEUE_URL_PREFIX: writes.SLUICE_QUEUE_URL_PREFIX, ...loopback };
/** `https://API.execute-api.REGION.amazonaws.com/STAGE`: where frames are handed in for connections of the WebSocket API. */
const endpoint = z.url("must be a URL");
const push = {
  ...stage,
  ...logs,
  SLUICE_SOCKET_ENDPOINT: endpoint,
  SLUICE_DELIVERY_QUEUE_URL: z.url("must be a URL"),
};
const json = (example: string) =>
  z.string().transform((text, context) => {
    try {
      return JSON.parse(text) as unknown;
    } catch {
      context.addIssue(`must be JSON such as ${example}`);
      return z.NEVER;
    }
  });
const secrets = json('{"OPENAI_API_KEY":"arn:aws:secretsmanager:…"}')
  .pipe(z.record(z.string().regex(VARIABLE), arn, "must be the ARNs of secrets by the names of variables"))
  .optional();

/** Pages of which origins may call; missing: of none. */
const cors = {
  SLUICE_CORS: json('{"origins":["https://app.example.org"]}').pipe(CorsSettings).optional(),
};

/** How many readers of a kind there may be at once. */
const most = z
  .string()
  .regex(/^\d{1,6}$/, "must be a whole number")
  .transform(Number);

/** The environment of each kind of function: what the stack sets and the function parses, once, when it starts. */
export const ENVIRONMENTS = {
  submit: z.object({ ...writes, ...cors, ...loopback, SLUICE_WAITS: most }),
  jobs: z.object({ ...stage, ...logs, ...cors }),
  events: z.object({ ...stage, ...logs, ...cors, SLUICE_STREAMS: most }),
  commands: z.object({ ...writes, ...loopback, ...cors }),
  "dead-letters": z.object({ ...writes, ...cors }),
  capabilities: z.object({ ...writes, ...cors, SLUICE_MODEL: name.optional() }),
  openapi: z.object({ ...stage, ...cors }),
  health: z.object({ ...stage, ...cors }),
  authorizer: z.object({ ...stage, ...cors, SLUICE_KEYS_SECRET: arn, SLUICE_TABLE: name }),
  worker: z.object({
    ...writes,
    SLUICE_CAPABILITY: name,
    SLUICE_MODEL: name.optional(),
    SLUICE_SECRETS: secrets,
    SLUICE_SOCKET_ENDPOINT: endpoint.optional(),
  }),
  advance: z.object({ ...writes, SLUICE_WORKFLOW: name }),
  reconciler: z.object(writes),
  webhooks: z.object(webhooks),
  "webhook-endpoints": z.object({ ...webhooks, ...cors }),
  tickets: z.object({ ...stage, ...cors, SLUICE_TABLE: name, SLUICE_SOCKET_URL: z.url().optional() }),
  socket: z.object(push),
  delivery: z.object(push),
  deployment: z.object({ ...stage, SLUICE_TABLE: name }),
} as const;

export type FunctionKind = keyof typeof ENVIRONMENTS;
export type Environment<K extends FunctionKind> = z.output<(typeof ENVIRONMENTS)[K]>;

/** Where somebody may have put a secret's value in the place of its ARN: what was got is not shown. */
const UNSHOWN = ["SLUICE_KEYS_SECRET", "SLUICE_SECRETS"];

/** Throws {@link EnvironmentError}, which names all variables that are missing or malformed. */
export function parseEnvironment<K extends FunctionKind>(
  kind: K,
  variables: Readonly<Record<string, string | undefined>>,
): Environment<K> {
  const parsed = ENVIRONMENTS[kind].safeParse(variables);
  if (parsed.success) return parsed.data as Environment<K>;
  const wrong = parsed.error.issues.map(({ path, message }) => {
    const [variable = "", entry = ""] = path.map(String);
    const got = variables[variable];
    if (got === undefined) return `${variable}: is missing`;
    const shown = UNSHOWN.includes(variable) ? `${got.length} characters, not shown here` : JSON.stringify(got);
    return `${variable}${VARIABLE.test(entry) ? `.${entry}` : ""}: ${message}; got ${shown}`;
  });
  throw new EnvironmentError(`the environment of function ${kind} is wrong: ${wrong.join("; ")}`);
}
