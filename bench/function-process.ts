import { spawnSync } from "node:child_process";
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

/** Made up, of the shape that the stack gives them. */
const VARIABLES = {
  AWS_REGION: "us-east-1",
  AWS_ACCESS_KEY_ID: "none",
  AWS_SECRET_ACCESS_KEY: "none",
  SLUICE_STAGE: "bench",
  SLUICE_TABLE: "table",
  SLUICE_BUCKET: "bucket",
  SLUICE_BUS: "bus",
  SLUICE_QUEUE_URL_PREFIX: "https://sqs.us-east-1.amazonaws.com/000000000000/bench-",
  SLUICE_DEPLOY_SEQ: "1",
  SLUICE_CAPABILITY: "completion",
  SLUICE_WORKFLOW: "analysis",
  SLUICE_KEYS_SECRET: "arn:aws:secretsmanager:us-east-1:000000000000:secret:keys",
  SLUICE_STREAMS: "50",
  SLUICE_WAITS: "50",
  SLUICE_SOCKET_ENDPOINT: "https://api.execute-api.us-east-1.amazonaws.com/live",
  SLUICE_DELIVERY_QUEUE_URL: "https://sqs.us-east-1.amazonaws.com/000000000000/bench-delivery.fifo",
};

export interface Init {
  /** From the beginning of the import to its end, in ms. */
  readonly initMs: number;
  /** Processor time of all threads meanwhile, in ms. */
  readonly cpuMs: number;
}

/** Imports a function's module in a new process, as its start does. Throws if it does not start. */
export function measureInit(file: string, variables: Readonly<Record<string, string>> = {}): Init {
  const code = `const from = performance.now(), cpu = process.cpuUsage();
    await import(${JSON.stringify(pathToFileURL(file).href)});
    const initMs = performance.now() - from, { user, system } = process.cpuUsage(cpu);
    process.stdout.write("\\n" + JSON.stringify({ initMs, cpuMs: (user + system) / 1_000 }), () => process.exit());`;
  const { stdout, stderr, status } = spawnSync(process.execPath, ["--input-type=module", "-e", code], {
    env: { ...VARIABLES, ...variables },
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(`${file} does not start: ${stderr}`);
  return JSON.parse(stdout.trim().split("\n").at(-1) ?? "") as Init;
}

/** Of all modules of a bundle, maps and indexes left out. */
export const codeBytes = (dir: string): number =>
  readdirSync(dir)
    .filter((file) => file.endsWith(".mjs"))
    .reduce((sum, file) => sum + statSync(join(dir, file)).size, 0);
