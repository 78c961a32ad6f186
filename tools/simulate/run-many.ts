import type { SeedsReport } from "./run-seeds.ts";
import { SeedWorker } from "./seed-worker.ts";

/** Schedules that a process is given at a time. */
const CHUNK = 100;

export interface ManyOptions {
  readonly first: number;
  readonly schedules: number;
  readonly workers: number;
  readonly mutant?: string;
  /** Stop where something is broken, as soon as no earlier schedule is still running. */
  readonly untilBroken: boolean;
  readonly onProgress?: (schedules: number) => void;
}

/** Runs schedules in several processes; the report is the same for any number of them. */
export async function runMany(options: ManyOptions): Promise<SeedsReport> {
  const { first, schedules, workers, mutant, untilBroken, onProgress } = options;
  const end = first + schedules;
  const reports: SeedsReport[] = [];
  let next = first;
  let done = 0;
  const work = async (): Promise<void> => {
    const worker = new SeedWorker(mutant);
    try {
      while (next < end && !(untilBroken && reports.some(({ broken }) => broken.length > 0))) {
        const from = next;
        const count = Math.min(CHUNK, end - from);
        next += count;
        const report = await worker.run({ first: from, count, untilBroken });
        reports.push(report);
        done += report.schedules;
        onProgress?.(done);
      }
    } finally {
      worker.stop();
    }
  };
  await Promise.all(Array.from({ length: workers }, work));
  const sum = (figure: Exclude<keyof SeedsReport, "broken">): number =>
    reports.reduce((total, report) => total + report[figure], 0);
  return {
    schedules: sum("schedules"),
    jobs: sum("jobs"),
    commits: sum("commits"),
    calls: sum("calls"),
    steps: sum("steps"),
    cpuMs: sum("cpuMs"),
    broken: reports.flatMap(({ broken }) => broken).sort((a, b) => a.seed - b.seed),
  };
}
