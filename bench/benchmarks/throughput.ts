import { NO_WORK } from "../bench-app.ts";
import { median, percentile, type Report } from "../report.ts";
import type { ServerStats } from "../server.ts";
import { Sluice } from "../sluice.ts";

const WARM_UP_JOBS = 3_000;
const CONNECTIONS = 64;
const INPUT = { text: "go" };

interface Run {
  readonly synchronous: "FULL" | "NORMAL";
  readonly inFlight: number;
  readonly jobs: number;
  readonly jobsPerSecond: number;
  /** Of windows of a second. */
  readonly perSecond: readonly number[];
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly transactionsPerJob: number;
  readonly commitsPerTransaction: number;
  readonly serverCpuUsPerJob: number;
  /** Processors that the server got; what it is short of 1 it waited, for the disk or for its turn. */
  readonly serverCpus: number;
  readonly gcUsPerJob: number;
  readonly clientCpuUsPerJob: number;
  readonly heapMb: number;
  readonly rssMb: number;
}

/** Jobs a second when steps return at once: what Sluice itself costs. A closed loop keeps so many jobs in flight. */
export async function throughput(quick: boolean): Promise<Report> {
  const runs: Run[] = [];
  for (const synchronous of ["FULL", "NORMAL"] as const) {
    await Sluice.with(
      { app: { steps: NO_WORK }, synchronous },
      async (sluice) => {
        await loop(sluice, 64, (jobs) => jobs >= WARM_UP_JOBS);
        for (const inFlight of [64, 256])
          runs.push(await measure(sluice, synchronous, inFlight, quick ? 4_000 : 10_000));
      },
      CONNECTIONS,
    );
  }
  const full = Math.max(...runs.filter((run) => run.synchronous === "FULL").map((run) => run.jobsPerSecond));
  return {
    tables: [
      {
        title: `Throughput: chain (5 steps, ~1 KB results), steps return at once, ${CONNECTIONS} connections`,
        columns: [
          "synchronous, in flight",
          "jobs/s",
          "median second",
          "best second",
          "p50 ms",
          "p95 ms",
          "transactions/job",
          "commits/transaction",
          "server CPU µs/job",
          "server CPUs",
          "of it GC µs",
          "client CPU µs/job",
          "heap MB",
          "RSS MB",
        ],
        rows: runs.map((run) => [
          `${run.synchronous}, ${run.inFlight}`,
          run.jobsPerSecond,
          median(run.perSecond),
          Math.max(...run.perSecond),
          run.p50Ms,
          run.p95Ms,
          run.transactionsPerJob,
          run.commitsPerTransaction,
          run.serverCpuUsPerJob,
          run.serverCpus,
          run.gcUsPerJob,
          run.clientCpuUsPerJob,
          run.heapMb,
          run.rssMb,
        ]),
      },
    ],
    checks: [{ what: "throughput, every commit synced", got: full, unit: "jobs/s", target: { atLeast: 500 } }],
    data: runs,
  };
}

async function measure(
  sluice: Sluice,
  synchronous: Run["synchronous"],
  inFlight: number,
  lengthMs: number,
): Promise<Run> {
  const before = await sluice.stats();
  const client = process.cpuUsage();
  const startedMs = performance.now();
  const endedMs: number[] = [];
  const latencies: number[] = [];
  await loop(
    sluice,
    inFlight,
    () => performance.now() - startedMs >= lengthMs,
    (ms) => {
      latencies.push(ms);
      endedMs.push(performance.now() - startedMs);
    },
  );
  const wallMs = performance.now() - startedMs;
  const after = await sluice.stats();
  const { user, system } = process.cpuUsage(client);
  const jobs = latencies.length;
  const spent = (key: keyof ServerStats): number => (after[key] as number) - (before[key] as number);
  return {
    synchronous,
    inFlight,
    jobs,
    jobsPerSecond: (1_000 * jobs) / wallMs,
    perSecond: windows(endedMs, Math.floor(lengthMs / 1_000)),
    p50Ms: percentile(latencies, 0.5),
    p95Ms: percentile(latencies, 0.95),
    transactionsPerJob: spent("transactions") / jobs,
    commitsPerTransaction: spent("appends") / spent("transactions"),
    serverCpuUsPerJob: spent("cpuUs") / jobs,
    serverCpus: spent("cpuUs") / 1_000 / wallMs,
    gcUsPerJob: (1_000 * spent("gcMs")) / jobs,
    clientCpuUsPerJob: (user + system) / jobs,
    heapMb: after.heapMb,
    rssMb: after.rssMb,
  };
}

/** Keeps `inFlight` jobs going until `enough`, then lets the last ones end. */
async function loop(
  sluice: Sluice,
  inFlight: number,
  enough: (jobs: number) => boolean,
  onJob: (ms: number) => void = () => {},
): Promise<void> {
  let jobs = 0;
  const user = async (): Promise<void> => {
    while (!enough(jobs)) {
      const { ms } = await sluice.run("chain", INPUT);
      jobs += 1;
      onJob(ms);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, user));
}

function windows(endedMs: readonly number[], seconds: number): number[] {
  const counts = Array.from({ length: seconds }, () => 0);
  for (const ms of endedMs) {
    const second = Math.floor(ms / 1_000);
    if (second < seconds) counts[second] = (counts[second] ?? 0) + 1;
  }
  return counts;
}
