import { randomBytes } from "node:crypto";
import { parseArgs } from "node:util";
import type { TenantId } from "../src/contract/ids.ts";
import { secretsClient } from "../src/engines/aws/aws-clients.ts";
import type { CaseReport } from "../test/conformance/case-reporter.ts";
import { type Connection, socketBeside, TARGETS, type Target, withSlash } from "../test/conformance/target.ts";
import { endWith, parseOrExplain } from "./command-line.ts";
import { checkJsonFile, writeJson } from "./json-file.ts";
import { KeySecret } from "./key-secret.ts";
import { lookAtTarget } from "./look-at-target.ts";
import { readOutputs, UsageError } from "./read-outputs.ts";
import { runConformance } from "./run-conformance.ts";
import { withTemporaryKeys } from "./temporary-keys.ts";

/** `npm run conformance -- …`: the conformance suite against something that is up already. */
const USAGE = `Usage: npm run conformance -- --outputs FILE [--instance ID]         a deployed instance
       npm run conformance -- --url URL --key KEY --other-key KEY   anything that answers

  --outputs FILE   what \`cdk deploy --outputs-file FILE\` wrote; keys of two new tenants are made, and revoked at the end
  --instance ID    which instance, where the file has several
  --url URL        that below which v1/jobs is
  --socket-url URL where clients connect by WebSocket (default v1/socket below the URL)
  --key, --other-key   keys of two tenants
  --target NAME    whose exceptions hold: ${TARGETS.join(", ")} (default aws)
  --only TEXT      only cases with this in their name
  --json FILE      writes all results

It must run the suite's app; see docs/conformance.md. Exit status: 0 if all passed, 1 if a case failed, 2 if nothing could be run.`;

/** A new key counts after 10 s at the latest, what is refused until then may be remembered for a minute. */
const NEW_KEYS_MS = 120_000;

const stopped = new AbortController();

async function main(): Promise<number> {
  const values = flags();
  if (values.help) {
    console.log(USAGE);
    return 0;
  }
  const target = targetOf(values.target ?? "aws");
  if (values.outputs !== undefined) {
    const { ApiUrl, KeysSecretArn, Region, SocketUrl } = readOutputs(values.outputs, values.instance);
    const secret = new KeySecret(secretsClient({ region: Region }), KeysSecretArn);
    const name = `conformance-${randomBytes(4).toString("hex")}`;
    const url = withSlash(ApiUrl);
    const run = (key = "", otherKey = "") =>
      conform({ target, url, socketUrl: SocketUrl ?? socketBeside(url), key, otherKey }, values, NEW_KEYS_MS);
    const tenants = [`${name}-a`, `${name}-b`] as TenantId[];
    return withTemporaryKeys(secret, tenants, run, (message) => console.error(message));
  }
  const { url, key, "other-key": otherKey } = values;
  const missing = Object.entries({ "--url": url, "--key": key, "--other-key": otherKey }).filter(([, value]) => !value);
  if (missing.length === 3) throw new UsageError(`--outputs FILE is missing, or --url URL with two keys\n\n${USAGE}`);
  if (!url || !key || !otherKey)
    throw new UsageError(`${missing.map(([flag]) => flag).join(", ")} missing\n\n${USAGE}`);
  if (key === otherKey) throw new UsageError("--key and --other-key are the same: they must be of two tenants");
  const socketUrl = values["socket-url"] ?? socketBeside(urlOf(url));
  return conform({ target, url: urlOf(url), socketUrl, key, otherKey }, values, 0);
}

async function conform(
  connection: Connection,
  { only, json }: { only?: string | undefined; json?: string | undefined },
  newKeysMs: number,
): Promise<number> {
  const { signal } = stopped;
  const { target, url } = connection;
  signal.throwIfAborted();
  await lookAtTarget(connection, { newKeysMs, signal });
  console.log(`${url} as ${target}\n`);
  const startMs = performance.now();
  const report = await runConformance(connection, { signal, ...(only === undefined ? {} : { only }) });
  const durationMs = Math.round(performance.now() - startMs);
  const sums = sumsOf(report);
  for (const line of failuresOf(report)) console.log(line);
  console.log(
    `\n${report.cases.length} cases: ${sums.passed} passed, ${sums.failed} failed, ${sums.skipped} skipped; ${(durationMs / 1_000).toFixed(1)} s`,
  );
  writeJson(json, { target, url, durationMs, sums, ...report });
  signal.throwIfAborted();
  return sums.failed > 0 || report.errors.length > 0 ? 1 : 0;
}

function sumsOf({ cases }: CaseReport) {
  const count = (state: string): number => cases.filter((each) => each.state === state).length;
  return { passed: count("passed"), failed: count("failed"), skipped: count("skipped") };
}

function* failuresOf({ cases, errors }: CaseReport): Generator<string> {
  for (const { name, file, errors: said = [] } of cases) {
    if (said.length > 0) yield `\nfailed: ${name} (${file})\n${said.join("\n").replaceAll(/^/gm, "  ")}`;
  }
  for (const error of errors) yield `\n${error}`;
}

function targetOf(name: string): Target {
  const target = TARGETS.find((known) => known === name);
  if (target !== undefined) return target;
  throw new UsageError(`--target must be one of ${TARGETS.join(", ")}; got ${JSON.stringify(name)}`);
}

function urlOf(text: string): string {
  if (/^https?:\/\//.test(text) && URL.canParse(text)) return withSlash(text);
  throw new UsageError(`--url must be a URL that begins with https:// or http://; got ${JSON.stringify(text)}`);
}

function flags() {
  const options = {
    outputs: { type: "string" },
    instance: { type: "string" },
    url: { type: "string" },
    "socket-url": { type: "string" },
    key: { type: "string" },
    "other-key": { type: "string" },
    target: { type: "string" },
    only: { type: "string" },
    json: { type: "string" },
    help: { type: "boolean" },
  } as const;
  const { values } = parseOrExplain(() => parseArgs({ options }), USAGE);
  const direct = values.url ?? values.key ?? values["other-key"];
  if (values.outputs !== undefined && direct !== undefined) {
    throw new UsageError(`--outputs says where and makes the keys: leave out --url, --key and --other-key\n\n${USAGE}`);
  }
  checkJsonFile(values.json);
  return values;
}

/** Ends the suite; what was made for it is taken back before the process ends. */
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => stopped.abort(signal));

main().then(
  (status) => {
    process.exitCode = status;
  },
  (error: Error) => {
    if (stopped.signal.aborted) {
      console.error("stopped");
      process.exitCode = stopped.signal.reason === "SIGINT" ? 130 : 143;
      return;
    }
    endWith(error, [UsageError], 2);
  },
);
