import { readFileSync } from "node:fs";
import { z } from "zod";
import { UsageError } from "../read-outputs.ts";

/** What begins a run in a file of lines: what was run, on what. A run of 0 jobs shows what an instance at rest does. */
const Run = z.object({
  kind: z.literal("run"),
  workflow: z.string(),
  jobs: z.number().int().nonnegative(),
  /** What was aimed at; what came is counted. */
  messagesPerInvocation: z.number().positive(),
  emulator: z.string(),
  commit: z.string(),
  date: z.string(),
});

/** A call of AWS that a function made. */
const Call = z.object({
  kind: z.literal("call"),
  /** Epoch ms. */
  time: z.number(),
  /** The path of the function's construct, below its stack. */
  function: z.string(),
  service: z.string(),
  action: z.string(),
  resource: z.string(),
  requestBytes: z.number().nonnegative(),
  responseBytes: z.number().nonnegative(),
  body: z.unknown().optional(),
  error: z.string().optional(),
});

const Invocation = z.object({
  kind: z.literal("invocation"),
  time: z.number(),
  function: z.string(),
  durationMs: z.number().nonnegative(),
  records: z.number().int().nonnegative(),
  cold: z.boolean(),
  /** What the function wrote itself, in bytes; Lambda's own lines are not in it. */
  logBytes: z.number().nonnegative(),
});

/** How many metrics of ours, each with its dimensions, functions have written: what CloudWatch bills a month. */
const Metrics = z.object({ kind: z.literal("metrics"), series: z.number().int().nonnegative() });

export type Run = z.output<typeof Run>;
export type Call = z.output<typeof Call>;
export type Invocation = z.output<typeof Invocation>;

export interface RawRun {
  readonly run: Run;
  readonly calls: Call[];
  readonly invocations: Invocation[];
  metricSeries?: number;
}

const Line = z.discriminatedUnion("kind", [Run, Call, Invocation, Metrics]);

/** Runs of a file with one JSON value a line. Throws {@link UsageError} that names the file, the line and what is wrong. */
export function readRuns(file: string): RawRun[] {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    throw new UsageError(`--measured ${file} cannot be read: ${(error as Error).message}`);
  }
  return parseRuns(text, file);
}

/** See {@link readRuns}. @param name of the file, for what is wrong with it */
export function parseRuns(text: string, name: string): RawRun[] {
  const runs: RawRun[] = [];
  for (const [index, source] of text.split("\n").entries()) {
    if (source.trim() === "") continue;
    const line = parseLine(source, `${name}:${index + 1}`);
    const current = runs.at(-1);
    if (line.kind === "run") runs.push({ run: line, calls: [], invocations: [] });
    else if (current === undefined) throw new UsageError(`${name}:${index + 1}: a line of kind "run" must come first`);
    else if (line.kind === "call") current.calls.push(line);
    else if (line.kind === "metrics") current.metricSeries = line.series;
    else current.invocations.push(line);
  }
  if (runs.length === 0) throw new UsageError(`${name} has no line of kind "run"`);
  return runs;
}

function parseLine(source: string, where: string): z.output<typeof Line> {
  let value: unknown;
  try {
    value = JSON.parse(source);
  } catch {
    throw new UsageError(`${where} is no JSON`);
  }
  const line = Line.safeParse(value);
  if (line.success) return line.data;
  throw new UsageError(`${where}: ${z.prettifyError(line.error)}`);
}
