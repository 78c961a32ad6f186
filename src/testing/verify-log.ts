import { createHash } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import { z } from "zod";
import { viewOf } from "../../lambdas/jobs/jobs.ts";
import { JobView } from "../contract/api.ts";
import { JobEvent } from "../contract/events.ts";
import type { CommitId, JobId, TenantId } from "../contract/ids.ts";
import { fold } from "../core/fold.ts";
import { brokenInvariants } from "./check-log.ts";

/** The first line of an exported log: what the log comes to, as its owner was told. Its events follow, and its seal. */
export const ExportedJob = z.object({ sluiceLog: z.literal(1), job: JobView });
export type ExportedJob = z.infer<typeof ExportedJob>;

/** The last line: a hash of all before it, each with its line feed. It shows an edit of the file, no forgery. */
const Seal = z.object({ sha256: z.hex() });

/** Takes the lines of a log as they are exported; `end` is its last one. */
export function sealing(): { add(line: string): void; end(): string } {
  const hash = createHash("sha256");
  return {
    add: (line) => void hash.update(`${line}\n`),
    end: () => JSON.stringify({ sha256: hash.digest("hex") } satisfies z.infer<typeof Seal>),
  };
}

/**
 * What is wrong with an exported log (JSON lines, jsonlines.org): events that are none of ours, invariants that it breaks,
 * where it does not come to the job that its first line tells, and whether its lines are those that were exported. Empty
 * for a log that is whole.
 *
 * @param maxAttempts of each capability, where it is known
 */
export function problemsOf(text: string, maxAttempts: ReadonlyMap<string, number> = new Map()): string[] {
  const lines = text.split(/\r?\n/).filter((line) => line.trim() !== "");
  const seal = Seal.safeParse(parse(lines.at(-1) ?? ""));
  if (seal.success) lines.pop();
  const unsealed = brokenSeal(lines, seal.data?.sha256);
  const [first, ...rest] = lines.map(parse);
  const head = ExportedJob.safeParse(first);
  if (!head.success) return [`line 1: is no exported log's: ${z.prettifyError(head.error)}`, ...unsealed];
  const wrong: string[] = [];
  const events: JobEvent[] = [];
  for (const [index, line] of rest.entries()) {
    const event = JobEvent.safeParse(line);
    if (event.success) events.push(event.data as JobEvent);
    else wrong.push(`line ${index + 2}: is no event: ${z.prettifyError(event.error)}`);
  }
  wrong.push(...brokenInvariants(events, maxAttempts));
  return [...(wrong.length > 0 ? wrong : foldProblems(events, head.data.job)), ...unsealed];
}

function brokenSeal(lines: readonly string[], sha256: string | undefined): string[] {
  if (sha256 === undefined) return ["the last line is no seal: the log is cut off"];
  const seal = sealing();
  for (const line of lines) seal.add(line);
  return seal.end() === JSON.stringify({ sha256 })
    ? []
    : ["the lines are not those that were exported: another sha256"];
}

/** The fields of a job that are none of the log's. */
const NOT_OF_THE_LOG = ["links"];

function foldProblems(events: readonly JobEvent[], told: JobView): string[] {
  try {
    const state = fold(
      events.map(({ seq, jobId, tenant, time, ...event }) => ({
        jobId: jobId as JobId,
        tenant: tenant as TenantId,
        firstSeq: seq,
        commitId: String(seq) as CommitId,
        deploySeq: 1,
        time,
        events: [event],
      })),
    );
    if (state === undefined) return ["the log is empty"];
    const folded: Record<string, unknown> = JSON.parse(JSON.stringify(viewOf(state)));
    const expected: Record<string, unknown> = told;
    return [...new Set([...Object.keys(folded), ...Object.keys(expected)])]
      .filter((name) => !NOT_OF_THE_LOG.includes(name) && !isDeepStrictEqual(folded[name], expected[name]))
      .map((name) => `${name}: the log comes to ${short(folded[name])}, the job says ${short(expected[name])}`);
  } catch (error) {
    return [`the log cannot be folded: ${(error as Error).message}`];
  }
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

const short = (value: unknown): string => (JSON.stringify(value) ?? "nothing").slice(0, 200);
