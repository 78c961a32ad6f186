import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { LambdaClient, UpdateEventSourceMappingCommand } from "@aws-sdk/client-lambda";
import { readRecord } from "./access-lines.ts";
import { Api } from "./api.ts";
import type { Deployment } from "./checks/check.ts";
import { EMULATOR, Emulator, type EmulatorOptions } from "./emulator.ts";
import { Instance } from "./instance.ts";
import { bootstrap } from "./run.ts";
import { type Steps, Violations } from "./steps.ts";

const QUERY = "How are SQS queues encrypted by default, and what is 12 * (3 + 4)?";
const JOBS = 50;
/** Jobs of which nothing is counted: processes come to be, code gets compiled. */
const WARM_UP = 5;
const AT_ONCE = 8;
const RESTS_MS = 2_000;
const MINUTE_MS = 60_000;

/**
 * What jobs of the shipped workflow do on AWS, call by call, into a file for `npm run cost -- --measured FILE`: first one job after
 * the other, then all at once, with the workers held until all have been submitted, so that messages wait for each other.
 */
export async function measure(steps: Steps, options: EmulatorOptions, file: string): Promise<void> {
  const work = join(options.dir, "work");
  const lines: object[] = [];
  const emulator = await Emulator.start(options);
  try {
    mkdirSync(work, { recursive: true });
    const instance = new Instance({ port: options.port, dir: work, stage: "dev" });
    await steps.step("bootstrap, npm run deploy", async () => {
      await bootstrap(options);
      await instance.deploy();
    });
    const deployment = await instance.deployment();
    const api = await new Api(instance.url, await instance.key("measured")).admitted();
    const record = (): number => readRecord(emulator.recordFile).length;
    const recorded = (from: number) => linesOf(readRecord(emulator.recordFile, from), deployment);
    await steps.step("warm up", () => oneByOne(api, WARM_UP));
    await steps.step(`${JOBS} jobs, one after the other`, async () => {
      const from = record();
      await oneByOne(api, JOBS);
      await rest();
      lines.push(about(JOBS, 1), ...recorded(from));
    });
    await steps.step(`${JOBS} jobs at once`, async () => {
      await setWorkers(deployment, false);
      const from = record();
      const ids = await submitAll(api);
      await setWorkers(deployment, true);
      await allCompleted(api, ids);
      await rest();
      lines.push(about(JOBS, 5), ...recorded(from));
    });
    await steps.step("a minute at rest", async () => {
      const from = record();
      await new Promise((resolve) => setTimeout(resolve, MINUTE_MS + RESTS_MS));
      lines.push(about(0, 1), ...recorded(from));
    });
    writeFileSync(file, `${lines.map((line) => JSON.stringify(line)).join("\n")}\n`);
    console.log(`${lines.length} lines in ${file}`);
  } finally {
    await emulator.stop();
  }
}

const about = (jobs: number, messagesPerInvocation: number) => ({
  kind: "run",
  workflow: jobs === 0 ? "none" : "analysis",
  jobs,
  messagesPerInvocation,
  emulator: `the deployed stack on ${EMULATOR}, functions as processes of Node 24 on x86-64, by their processor time`,
  commit: execFileSync("git", ["rev-parse", "--short", "HEAD"], { encoding: "utf8" }).trim(),
  date: new Date().toISOString().slice(0, 10),
});

/** Lines of the record, with functions by their paths; and how many metrics they have written. */
function linesOf(record: readonly Readonly<Record<string, unknown>>[], deployment: Deployment): object[] {
  const byName = new Map(deployment.functions.map(({ path, physicalId }) => [physicalId, path]));
  // A role's calls are its function's, and an invocation names both.
  const byRole = new Map<unknown, string>();
  for (const { kind, role, function: name } of record) {
    const path = kind === "invocation" ? byName.get(String(name)) : undefined;
    if (path !== undefined) byRole.set(role, path);
  }
  const series = new Set(record.flatMap(({ metrics }) => (metrics as string[] | undefined) ?? []));
  const lines = record.flatMap((line): object[] => {
    const path = byRole.get(line.role);
    if (path === undefined) return [];
    const [service, action] = String(line.action).split(":");
    if (line.kind === "call") return [{ ...line, function: path, service, action }];
    // All functions share this machine: how long one waits for its turn says nothing about AWS.
    return [{ ...line, function: path, durationMs: Number(line.cpuMs) || line.durationMs }];
  });
  return [...lines, { kind: "metrics", series: series.size }];
}

async function oneByOne(api: Api, jobs: number): Promise<void> {
  for (let n = 0; n < jobs; n++) await allCompleted(api, [(await api.submit("analysis", { query: QUERY })).id]);
}

async function submitAll(api: Api): Promise<string[]> {
  const ids: string[] = [];
  let left = JOBS;
  const submit = async (): Promise<void> => {
    while (left-- > 0) ids.push((await api.submit("analysis", { query: QUERY })).id);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, submit));
  return ids;
}

async function allCompleted(api: Api, ids: readonly string[]): Promise<void> {
  for (const id of ids) {
    const { status } = await api.settled(id, 2 * MINUTE_MS);
    if (status !== "completed") throw new Violations([`job ${id} is ${status}`]);
  }
}

async function setWorkers(deployment: Deployment, Enabled: boolean): Promise<void> {
  const lambda = new LambdaClient({});
  const mappings = deployment.ofType("AWS::Lambda::EventSourceMapping");
  await Promise.all(
    mappings.map(({ physicalId }) => lambda.send(new UpdateEventSourceMappingCommand({ UUID: physicalId, Enabled }))),
  );
}

/** What is still under way when a job has ended, such as a message that is deleted, is part of it. */
const rest = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, RESTS_MS));
