import { UsageError } from "../read-outputs.ts";
import { CallCounter } from "./count-calls.ts";
import type { FunctionCounts, MeasuredRun, Measurement } from "./measurement.ts";
import type { Invocation, RawRun } from "./raw-lines.ts";

export const SUBMIT = "Sluice/Api/Submit";
export const READ = "Sluice/Api/Jobs";
export const RECONCILER = "Sluice/Operations/Reconciler";
/** What of a run is the jobs' own way: what is asked by those who wait, or each minute, is counted apart. */
const isOfJobs = (path: string): boolean => path === SUBMIT || takesMessages(path);
const takesMessages = (path: string): boolean => path.startsWith("Sluice/Pipeline/");

/** Averages of runs of one workflow. Throws {@link UsageError} for runs that are of several, or have no job. */
export function countRuns(raw: readonly RawRun[]): Measurement {
  const withJobs = raw.filter(({ run }) => run.jobs > 0);
  const [first] = withJobs;
  if (first === undefined) throw new UsageError("no run with jobs was measured");
  const workflows = new Set(withJobs.map(({ run }) => run.workflow));
  if (workflows.size > 1) throw new UsageError(`runs of one workflow are needed; got ${[...workflows].join(", ")}`);
  const counted = raw.map((each) => ({ ...each, totals: totalsOf(each) }));
  const runs = counted.filter(({ run }) => run.jobs > 0).map(({ run, totals }) => averageOf(run.jobs, totals));
  return {
    workflow: first.run.workflow,
    steps: sum(runs[0]?.functions ?? {}, ({ records }) => records),
    how: [...new Set(raw.map(({ run }) => run.emulator))].join("; "),
    commit: first.run.commit,
    date: first.run.date,
    runs,
    ...metricSeriesOf(raw),
    ...apart(counted, "reconciler", RECONCILER),
    ...apart(counted, "read", READ),
  };
}

function metricSeriesOf(raw: readonly RawRun[]): { metricSeries?: number } {
  const series = raw.flatMap(({ metricSeries }) => metricSeries ?? []);
  return series.length === 0 ? {} : { metricSeries: Math.max(...series) };
}

type Totals = ReadonlyMap<string, FunctionCounts>;

function totalsOf({ calls, invocations }: RawRun): Totals {
  const totals = new Map<string, FunctionCounts>();
  const of = (path: string): FunctionCounts => {
    const counts = totals.get(path) ?? noCounts();
    totals.set(path, counts);
    return counts;
  };
  const counter = new CallCounter();
  for (const call of [...calls].sort((a, b) => a.time - b.time)) counter.add(call, of(call.function));
  const byFunction = Map.groupBy(invocations, (invocation) => invocation.function);
  for (const [path, of_] of byFunction) addInvocations(of_, of(path));
  return totals;
}

function addInvocations(invocations: readonly Invocation[], counts: FunctionCounts): void {
  const warm = invocations.filter(({ cold }) => !cold);
  const timed = warm.length > 0 ? warm : invocations;
  // Lambda bills by the begun millisecond (aws.amazon.com/lambda/pricing).
  const billedMs = timed.reduce((total, { durationMs }) => total + Math.ceil(durationMs), 0);
  counts.invocations = invocations.length;
  counts.billedMs = (billedMs / timed.length) * invocations.length;
  counts.records = invocations
    .filter((invocation) => takesMessages(invocation.function))
    .reduce((total, { records }) => total + records, 0);
  counts.logBytes = invocations.reduce((total, { logBytes }) => total + logBytes, 0);
}

function averageOf(jobs: number, totals: Totals): MeasuredRun {
  const functions = Object.fromEntries(
    [...totals].filter(([path]) => isOfJobs(path)).map(([path, counts]) => [path, divide(counts, jobs)]),
  );
  const submitted = totals.get(SUBMIT)?.invocations;
  if (submitted !== jobs) {
    throw new UsageError(`the run says ${jobs} jobs, but ${SUBMIT} was invoked ${submitted ?? 0} times`);
  }
  const workers = Object.values(functions).filter(({ records }) => records > 0);
  const invocations = workers.reduce((total, counts) => total + counts.invocations, 0);
  const records = workers.reduce((total, counts) => total + counts.records, 0);
  return { jobs, messagesPerInvocation: invocations === 0 ? 0 : records / invocations, functions };
}

/** What a function does an invocation, over all runs. */
function apart<Name extends "reconciler" | "read">(
  counted: readonly { readonly totals: Totals }[],
  name: Name,
  path: string,
): Partial<Record<Name, FunctionCounts>> {
  const all = counted.flatMap(({ totals }) => totals.get(path) ?? []);
  const invocations = all.reduce((total, counts) => total + counts.invocations, 0);
  if (invocations === 0) return {};
  return { [name]: divide(all.reduce(add), invocations) } as Partial<Record<Name, FunctionCounts>>;
}

export const sum = (
  functions: Readonly<Record<string, FunctionCounts>>,
  of: (counts: FunctionCounts) => number,
): number => Object.values(functions).reduce((total, counts) => total + of(counts), 0);

const NUMBERS = [
  "invocations",
  "records",
  "billedMs",
  "logBytes",
  "writes",
  "writeUnits",
  "leastWriteUnits",
  "conflicts",
  "reads",
  "readUnits",
  "storedBytes",
  "putEvents",
  "entries",
  "entryUnits",
  "entryBytes",
  "sqsRequests",
  "s3Puts",
  "s3PutBytes",
  "s3Gets",
] as const satisfies (keyof FunctionCounts)[];

export const noCounts = (): FunctionCounts =>
  ({ ...Object.fromEntries(NUMBERS.map((name) => [name, 0])), others: {} }) as FunctionCounts;

const combine = (a: FunctionCounts, b: FunctionCounts, how: (x: number, y: number) => number): FunctionCounts => {
  const names = new Set([...Object.keys(a.others), ...Object.keys(b.others)]);
  return {
    ...(Object.fromEntries(NUMBERS.map((name) => [name, how(a[name], b[name])])) as Omit<FunctionCounts, "others">),
    others: Object.fromEntries([...names].map((name) => [name, how(a.others[name] ?? 0, b.others[name] ?? 0)])),
  };
};
const add = (a: FunctionCounts, b: FunctionCounts): FunctionCounts => combine(a, b, (x, y) => x + y);
const divide = (counts: FunctionCounts, by: number): FunctionCounts =>
  combine(counts, counts, (x) => Number((x / by).toFixed(4)));
