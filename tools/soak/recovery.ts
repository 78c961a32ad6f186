import type { JobEvent } from "../../src/contract/events.ts";
import { generationAt } from "./accounts.ts";
import type { Life } from "./engine-process.ts";
import { type Percentiles, percentiles } from "./percentiles.ts";
import { stepsOf } from "./step-history.ts";

/** How soon it goes on, each counted from a SIGKILL. */
export interface Recovery {
  /** To the next process' first answer of `/healthz`. */
  readonly healthy: Percentiles | undefined;
  /** To the first `step.started` or `step.completed` that the next process recorded, of any job. */
  readonly work: Percentiles | undefined;
  /** Of each attempt in doubt: to the next attempt of its step. More kills may lie between. */
  readonly rerun: Percentiles | undefined;
}

/** Kills whose next process was killed before it got there are no sample of the first two. */
export function recoveryOf(lives: readonly Life[], logs: readonly (readonly JobEvent[])[]): Recovery {
  const works = logs
    .flatMap((log) => log.filter(({ type }) => type === "step.started" || type === "step.completed"))
    .map(({ time }) => Date.parse(time))
    .sort((a, b) => a - b);
  const healthy: number[] = [];
  const work: number[] = [];
  for (const [index, { killedMs }] of lives.entries()) {
    const next = lives[index + 1];
    if (killedMs === undefined || next === undefined) continue;
    if (next.healthyMs !== undefined) healthy.push(next.healthyMs - killedMs);
    const first = works.find((atMs) => atMs >= next.startedMs);
    if (first !== undefined && generationAt(lives, first) === next.generation) work.push(first - killedMs);
  }
  return { healthy: percentiles(healthy), work: percentiles(work), rerun: percentiles(rerunsOf(lives, logs)) };
}

function* rerunsOf(lives: readonly Life[], logs: readonly (readonly JobEvent[])[]): Generator<number> {
  for (const { attempts } of logs.flatMap(stepsOf)) {
    for (const [index, { startedMs, end }] of attempts.entries()) {
      const next = attempts[index + 1];
      const killedMs = lives[generationAt(lives, startedMs)]?.killedMs;
      if (end?.type === "step.in_doubt" && next && killedMs !== undefined) yield next.startedMs - killedMs;
    }
  }
}
