import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { cpus, loadavg, totalmem } from "node:os";
import { parseArgs } from "node:util";
import { aws } from "./benchmarks/aws.ts";
import { claim } from "./benchmarks/claim.ts";
import { coldStart } from "./benchmarks/cold-start.ts";
import { disk } from "./benchmarks/disk.ts";
import { fairness } from "./benchmarks/fairness.ts";
import { firstToken } from "./benchmarks/first-token.ts";
import { functions } from "./benchmarks/functions.ts";
import { idle } from "./benchmarks/idle.ts";
import { latency } from "./benchmarks/latency.ts";
import { live } from "./benchmarks/live.ts";
import { migration } from "./benchmarks/migration.ts";
import { nextStep } from "./benchmarks/next-step.ts";
import { startAndSize } from "./benchmarks/start-and-size.ts";
import { throughput } from "./benchmarks/throughput.ts";
import { waiting } from "./benchmarks/waiting.ts";
import { wide } from "./benchmarks/wide.ts";
import { type Check, checksTable, formatTable, type Report } from "./report.ts";

const BENCHMARKS: Readonly<Record<string, (quick: boolean) => Promise<Report> | Report>> = {
  disk,
  throughput,
  latency,
  "next-step": nextStep,
  wide,
  fairness,
  live,
  idle,
  waiting,
  "first-token": firstToken,
  aws,
  functions,
  "cold-start": coldStart,
  "start-and-size": startAndSize,
  claim,
  migration,
};
const USAGE = `Usage: node bench/main.ts [--json FILE] [--quick] [--only NAME,NAME]

  --json FILE    write all figures there, too
  --quick        shorter runs, and the claim without its 1,000 users
  --only NAMES   of ${Object.keys(BENCHMARKS).join(", ")}`;

interface Finding {
  readonly name: string;
  /** What else ran on the machine when it began. */
  readonly load: number;
  readonly seconds: number;
  readonly report?: Report;
  readonly failed?: string;
}

async function main(): Promise<void> {
  const { json, quick, only } = options();
  const about = machine();
  console.log(
    `${about.cpus} × ${about.cpu}, ${about.memoryGb} GB, Node ${about.node}, commit ${about.commit}, ${about.date}\n`,
  );
  const findings: Finding[] = [];
  for (const name of only) {
    const finding = await measure(name, quick);
    findings.push(finding);
    const failed = finding.failed === undefined ? [] : [`**${name}**: not measured: ${finding.failed}`];
    console.log([...(finding.report?.tables.map(formatTable) ?? []), ...failed].join("\n\n"));
    console.log(`\n(${name}: ${finding.seconds.toFixed(0)} s; load average before it ${finding.load.toFixed(1)})\n`);
  }
  const checks: Check[] = findings.flatMap(({ report }) => report?.checks ?? []);
  if (checks.length > 0) console.log(formatTable(checksTable(checks)));
  if (json !== undefined) writeFileSync(json, `${JSON.stringify({ machine: about, quick, findings }, null, 2)}\n`);
  const failed = findings.some((finding) => finding.failed !== undefined);
  // A figure that misses its target is a finding, not a failure of the benchmark.
  process.exit(failed ? 1 : 0);
}

async function measure(name: string, quick: boolean): Promise<Finding> {
  const [load = 0] = loadavg();
  const startedMs = performance.now();
  const seconds = (): number => (performance.now() - startedMs) / 1_000;
  try {
    const report = await BENCHMARKS[name]?.(quick);
    return { name, load, seconds: seconds(), ...(report ? { report } : {}) };
  } catch (error) {
    return { name, load, seconds: seconds(), failed: (error as Error).message };
  }
}

function options(): { json: string | undefined; quick: boolean; only: readonly string[] } {
  try {
    const flags = {
      json: { type: "string" },
      quick: { type: "boolean" },
      only: { type: "string" },
      help: { type: "boolean" },
    } as const;
    const { values } = parseArgs({ options: flags, strict: true });
    const only = values.only?.split(",") ?? Object.keys(BENCHMARKS);
    const unknown = only.filter((name) => BENCHMARKS[name] === undefined);
    if (unknown.length > 0) throw new Error(`--only: there is no benchmark ${unknown.join(", ")}`);
    if (!values.help) return { json: values.json, quick: values.quick ?? false, only };
    console.log(USAGE);
    process.exit(0);
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${USAGE}`);
    process.exit(2);
  }
}

function machine() {
  const [cpu] = cpus();
  return {
    cpus: cpus().length,
    cpu: cpu?.model ?? "unknown",
    memoryGb: Math.round(totalmem() / 2 ** 30),
    node: process.versions.node,
    commit: commit(),
    date: new Date().toISOString().slice(0, 10),
  };
}

function commit(): string {
  try {
    return execFileSync("git", ["describe", "--always", "--dirty"], {
      cwd: import.meta.dirname,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    }).trim();
  } catch {
    return "unknown";
  }
}

for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => process.exit(1));
await main();
