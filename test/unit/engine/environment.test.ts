import { describe, expect, test } from "vitest";
import {
  ENVIRONMENTS,
  EnvironmentError,
  type FunctionKind,
  parseEnvironment,
} from "../../../src/engines/aws/environment.ts";

const ARN = "arn:aws:secretsmanager:us-east-1:000000000000:secret:keys-AbCdEf";
/** What the stack sets, by kind: a change of it is a change of the stack. */
const logs = { SLUICE_STAGE: "dev", SLUICE_TABLE: "table", SLUICE_BUCKET: "bucket" };
const writes = {
  ...logs,
  SLUICE_BUS: "bus",
  SLUICE_QUEUE_URL_PREFIX: "https://sqs.us-east-1.amazonaws.com/000000000000/dev-",
  SLUICE_DEPLOY_SEQ: "7",
};
const push = {
  ...logs,
  SLUICE_SOCKET_ENDPOINT: "https://api.execute-api.us-east-1.amazonaws.com/live",
  SLUICE_DELIVERY_QUEUE_URL: "https://sqs.us-east-1.amazonaws.com/000000000000/delivery.fifo",
};
const NEEDED: Record<FunctionKind, Record<string, string>> = {
  submit: { ...writes, SLUICE_WAITS: "50" },
  jobs: logs,
  events: { ...logs, SLUICE_STREAMS: "50" },
  commands: writes,
  "dead-letters": writes,
  capabilities: writes,
  openapi: { SLUICE_STAGE: "dev" },
  health: { SLUICE_STAGE: "dev" },
  authorizer: { SLUICE_STAGE: "dev", SLUICE_KEYS_SECRET: ARN, SLUICE_TABLE: "table" },
  worker: { ...writes, SLUICE_CAPABILITY: "completion" },
  advance: { ...writes, SLUICE_WORKFLOW: "analysis" },
  reconciler: writes,
  webhooks: { ...logs, SLUICE_QUEUE_URL_PREFIX: writes.SLUICE_QUEUE_URL_PREFIX },
  "webhook-endpoints": { ...logs, SLUICE_QUEUE_URL_PREFIX: writes.SLUICE_QUEUE_URL_PREFIX },
  tickets: { SLUICE_STAGE: "dev", SLUICE_TABLE: "table" },
  socket: push,
  delivery: push,
  deployment: { SLUICE_STAGE: "dev", SLUICE_TABLE: "table" },
};
const kinds = Object.keys(ENVIRONMENTS) as FunctionKind[];

const messageOf = (kind: FunctionKind, variables: Record<string, string | undefined>): string => {
  try {
    parseEnvironment(kind, variables);
  } catch (error) {
    expect(error).toBeInstanceOf(EnvironmentError);
    return (error as Error).message;
  }
  throw new Error("it was expected to throw");
};

describe.each(kinds)("%s", (kind) => {
  const needed = NEEDED[kind];

  test("starts with what the stack sets, among other variables", () => {
    const parsed = parseEnvironment(kind, { ...needed, PATH: "/bin" });
    const deploySeq = "SLUICE_DEPLOY_SEQ" in needed ? { SLUICE_DEPLOY_SEQ: 7 } : {};
    const readers = Object.keys(needed).filter((name) => name === "SLUICE_STREAMS" || name === "SLUICE_WAITS");
    expect(parsed).toEqual({ ...needed, ...deploySeq, ...Object.fromEntries(readers.map((name) => [name, 50])) });
  });

  test("names all that is missing, and nothing else, at once", () => {
    const message = messageOf(kind, {});
    const named = message.match(/SLUICE_[A-Z_]+/g);
    expect(named?.toSorted()).toEqual(Object.keys(needed).sort());
    expect(message).toContain(`function ${kind} `);
    expect(message.match(/is missing/g)).toHaveLength(Object.keys(needed).length);
  });

  test("an empty variable is as wrong as none", () => {
    for (const variable of Object.keys(needed)) {
      expect(messageOf(kind, { ...needed, [variable]: "" })).toContain(`${variable}: `);
    }
  });
});

test.each([
  ["SLUICE_DEPLOY_SEQ", "0"],
  ["SLUICE_DEPLOY_SEQ", "1.5"],
  ["SLUICE_DEPLOY_SEQ", "Token[7]"],
  ["SLUICE_QUEUE_URL_PREFIX", "https://sqs.us-east-1.amazonaws.com/000000000000/dev"],
  ["SLUICE_QUEUE_URL_PREFIX", "dev-"],
])("%s=%s is refused with what was got", (variable, value) => {
  const message = messageOf("submit", { ...NEEDED.submit, [variable]: value });
  expect(message).toMatch(new RegExp(`${variable}: .+; got `));
  expect(message).toContain(`got ${JSON.stringify(value)}`);
});

test("a worker's secrets are ARNs by the names of variables", () => {
  const secrets = { OPENAI_API_KEY: ARN };
  const { SLUICE_SECRETS } = parseEnvironment("worker", {
    ...NEEDED.worker,
    SLUICE_SECRETS: JSON.stringify(secrets),
    SLUICE_MODEL: "openai:x",
  });
  expect(SLUICE_SECRETS).toEqual(secrets);
});

test.each([
  [
    "a value in an ARN's place",
    JSON.stringify({ OPENAI_API_KEY: "sk-hunter2" }),
    "SLUICE_SECRETS.OPENAI_API_KEY: must be the ARN",
  ],
  ["no JSON", "sk-hunter2", "SLUICE_SECRETS: must be JSON such as"],
  ["a list", '["sk-hunter2"]', "SLUICE_SECRETS: must be the ARNs of secrets"],
  ["a value in a name's place", JSON.stringify({ "sk-hunter2": ARN }), "SLUICE_SECRETS: "],
])("secrets with %s are refused, and not shown", (_, value, said) => {
  const message = messageOf("worker", { ...NEEDED.worker, SLUICE_SECRETS: value });
  expect(message).toContain(said);
  expect(message).toContain(`${value.length} characters`);
  expect(message).not.toContain("hunter2");
});

test("a key in the place of the keys' secret is not shown", () => {
  const message = messageOf("authorizer", { SLUICE_STAGE: "dev", SLUICE_KEYS_SECRET: "slc_hunter2" });
  expect(message).toContain("SLUICE_KEYS_SECRET: must be the ARN of a secret");
  expect(message).not.toContain("hunter2");
});
