import { CapabilityList, Health } from "../src/contract/api.ts";
import { CONFORMANCE_APP } from "../test/conformance/start-target.ts";
import type { Connection } from "../test/conformance/target.ts";
import { UsageError } from "./read-outputs.ts";

const ANSWER_MS = 10_000;
const AGAIN_MS = 1_000;

export interface LookOptions {
  /** How long a key that is refused may be one that does not count yet, in ms. @default 0 */
  readonly newKeysMs?: number;
  readonly signal?: AbortSignal;
}

/**
 * Whether the suite can be run there: something answers, it is Sluice, it takes both keys, and it runs the suite's app.
 * Throws {@link UsageError} that says what is wrong and what helps.
 */
export async function lookAtTarget(connection: Connection, { newKeysMs = 0, signal }: LookOptions = {}): Promise<void> {
  const { url, key, otherKey } = connection;
  const health = await get(url, "healthz", undefined, signal);
  if (health.status !== 200 || !Health.safeParse(health.body).success) {
    throw new UsageError(
      `${url} answers, but is no Sluice: GET ${url}healthz was ${health.status} ${health.type}, not 200 {"status":"ok"}. ` +
        "The URL is that below which v1/jobs is; on AWS the output ApiUrl, which ends in /api/",
    );
  }
  const endMs = performance.now() + newKeysMs;
  for (const [flag, each] of [
    ["--key", key],
    ["--other-key", otherKey],
  ] as const) {
    await untilTaken(url, each, flag, endMs, signal);
  }
  const { status, body } = await get(url, "v1/capabilities", key, signal);
  const list = CapabilityList.safeParse(body);
  if (!list.success) throw new UsageError(`GET ${url}v1/capabilities was ${status}: not the capabilities of a Sluice`);
  const known = list.data.workflows.map(({ name }) => name);
  const missing = ["echo", "trial", "analysis"].filter((name) => !known.includes(name));
  if (missing.length === 0) return;
  throw new UsageError(
    `${url} does not run the suite's app: it lacks the workflows ${missing.join(", ")}; it has ${known.join(", ")}. Deploy it as an instance of its own:\n` +
      `  npm run deploy -- -c stage=dev -c instance=conformance -c app=${CONFORMANCE_APP}\n` +
      `or start it here: npm start -- --memory --app ${CONFORMANCE_APP} --keys FILE`,
  );
}

async function untilTaken(url: string, key: string, flag: string, endMs: number, signal?: AbortSignal): Promise<void> {
  for (;;) {
    const { status } = await get(url, "v1/jobs?limit=1", key, signal);
    if (status === 200) return;
    if (status !== 401 && status !== 403) {
      throw new UsageError(`GET ${url}v1/jobs was ${status} with the key of ${flag}: what it says is in its log`);
    }
    if (performance.now() > endMs) {
      throw new UsageError(`${url} refuses the key of ${flag} (${status}): npm run key -- --outputs FILE makes one`);
    }
    await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
    signal?.throwIfAborted();
  }
}

async function get(url: string, path: string, key: string | undefined, signal?: AbortSignal) {
  const limit = AbortSignal.timeout(ANSWER_MS);
  try {
    const response = await fetch(new URL(path, url), {
      headers: key === undefined ? {} : { authorization: `Bearer ${key}` },
      signal: signal ? AbortSignal.any([signal, limit]) : limit,
    });
    const text = await response.text();
    return { status: response.status, type: response.headers.get("content-type") ?? "", body: parse(text) };
  } catch (error) {
    signal?.throwIfAborted();
    throw new UsageError(`${url} does not answer: ${whyNot(error)}`);
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function whyNot(error: unknown): string {
  if (error instanceof DOMException && error.name === "TimeoutError") return `nothing came within ${ANSWER_MS} ms`;
  const cause = (error as Error).cause as NodeJS.ErrnoException | undefined;
  const { code = "", message = (error as Error).message } = cause ?? {};
  switch (code) {
    case "ECONNREFUSED":
      return `nothing listens there (${code})`;
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return `its name is not known (${code})`;
    case "UND_ERR_CONNECT_TIMEOUT":
    case "ETIMEDOUT":
      return `it cannot be reached (${code})`;
    case "ECONNRESET":
    case "UND_ERR_SOCKET":
    case "HPE_INVALID_CONSTANT":
      return `it does not speak HTTP, or hung up (${code}: ${message})`;
  }
  const tls = /CERT|TLS|SSL|SIGNATURE|EPROTO/.test(code);
  return tls ? `the TLS connection failed (${code}: ${message.trim()})` : `${code} ${message}`.trim();
}
