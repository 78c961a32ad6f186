import { spawn } from "node:child_process";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { adopt, memoryOf, stop } from "../children.ts";
import { HttpClient } from "../http-client.ts";
import type { Report } from "../report.ts";
import { newDataDir, removeData, Sluice } from "../sluice.ts";

const MAIN = join(import.meta.dirname, "../../src/host/main.ts");
const START_TIMEOUT_MS = 60_000;
const JOB_TIMEOUT_MS = 60_000;
const IDLE_MS = 5_000;
const JOBS_IN_FLIGHT = 1_000;
const STEP_MS = 5_000;
const EXAMPLE = { workflow: "analysis", input: { query: "What is a construct in the AWS CDK?" } };

interface Measured {
  readonly firstStartMs: number;
  readonly secondStartMs: number;
  readonly idleMb: number;
  readonly firstJobMs: number;
  readonly afterJobMb: number;
  readonly inFlightMb: number;
}

/** What a person meets: how soon `npm start` listens, and how much memory it takes. The shipped app as it is. */
export async function startAndSize(): Promise<Report> {
  const dataDir = newDataDir();
  try {
    const first = await startOnce(dataDir, async (pid, url) => {
      await pause(IDLE_MS);
      const idleMb = memoryOf(pid).nowMb;
      const firstJobMs = await runExample(url);
      await pause(1_000);
      return { idleMb, firstJobMs, afterJobMb: memoryOf(pid).nowMb };
    });
    const second = await startOnce(dataDir, async () => undefined);
    const measured: Measured = {
      firstStartMs: first.ms,
      secondStartMs: second.ms,
      ...first.result,
      inFlightMb: await memoryUnderLoad(),
    };
    return report(measured);
  } finally {
    removeData(dataDir);
  }
}

/** Starts the command line, uses it once it listens, ends it. */
async function startOnce<T>(
  dataDir: string,
  use: (pid: number, url: string) => Promise<T>,
): Promise<{ ms: number; result: T }> {
  const startedMs = performance.now();
  const child = adopt(
    spawn(process.execPath, [MAIN, "--data", dataDir, "--port", "0"], { stdio: ["ignore", "pipe", "inherit"] }),
  );
  try {
    const url = await new Promise<string>((resolve, reject) => {
      let said = "";
      const timer = setTimeout(() => reject(new Error(`not listening after ${START_TIMEOUT_MS} ms`)), START_TIMEOUT_MS);
      child.once("exit", (code) => reject(new Error(`ended with ${code} before it listened`)));
      child.stdout.setEncoding("utf8").on("data", (text: string) => {
        said += text;
        const found = /listens on (\S+)/.exec(said)?.[1];
        if (found === undefined) return;
        clearTimeout(timer);
        resolve(found);
      });
    });
    const ms = performance.now() - startedMs;
    return { ms, result: await use(child.pid ?? 0, url) };
  } finally {
    await stop(child, "SIGTERM");
  }
}

async function runExample(url: string): Promise<number> {
  const client = new HttpClient(url);
  const startedMs = performance.now();
  const submitted = await client.post("/v1/jobs", EXAMPLE);
  if (submitted.status !== 202) throw new Error(`the example was answered ${submitted.status}: ${submitted.body}`);
  const { id } = JSON.parse(submitted.body) as { id: string };
  try {
    while (performance.now() - startedMs < JOB_TIMEOUT_MS) {
      const job = JSON.parse((await client.get(`/v1/jobs/${id}`)).body) as { status: string };
      if (job.status === "completed") return performance.now() - startedMs;
      if (job.status !== "running") throw new Error(`the example became ${job.status}`);
      await pause(20);
    }
    throw new Error(`the example had not ended after ${JOB_TIMEOUT_MS} ms`);
  } finally {
    client.close();
  }
}

/** The highest resident memory while so many jobs are under way. */
function memoryUnderLoad(): Promise<number> {
  const steps = { retrieveMs: STEP_MS, completeMs: 0, toolMs: 0, composeMs: 0 };
  return Sluice.with(
    { app: { steps }, synchronous: "FULL" },
    async (sluice) => {
      await Promise.all(Array.from({ length: JOBS_IN_FLIGHT }, () => sluice.run("chain", { text: "go" })));
      return sluice.memory().peakMb;
    },
    64,
  );
}

function report(measured: Measured): Report {
  const { firstStartMs, secondStartMs, idleMb, firstJobMs, afterJobMb, inFlightMb } = measured;
  return {
    tables: [
      {
        title: "Start and size: the command line with the shipped app; jobs in flight on the bench app",
        columns: ["what", "value"],
        rows: [
          ["first start to listening, with building the index, ms", firstStartMs],
          ["second start to listening, ms", secondStartMs],
          [`resident memory ${IDLE_MS / 1_000} s after the first start, MB`, idleMb],
          ["first analysis job, submitted to completed, ms", firstJobMs],
          ["resident memory after it, MB", afterJobMb],
          [`highest resident memory with ${JOBS_IN_FLIGHT} jobs in flight, MB`, inFlightMb],
        ],
      },
    ],
    checks: [
      { what: "first start to listening", got: firstStartMs, unit: "ms", target: { atMost: 2_000 } },
      { what: "second start to listening", got: secondStartMs, unit: "ms", target: { atMost: 2_000 } },
      { what: "idle memory", got: idleMb, unit: "MB", target: { atMost: 150 } },
      { what: `memory with ${JOBS_IN_FLIGHT} jobs in flight`, got: inFlightMb, unit: "MB", target: { atMost: 400 } },
    ],
    data: measured,
  };
}
