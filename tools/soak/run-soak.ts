import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { start, stop } from "../../bench/children.ts";
import { seededRandom } from "../../src/testing/random.ts";
import { ApiClient, ApiError } from "./api-client.ts";
import { EngineProcess, type Life } from "./engine-process.ts";
import { isAtRest } from "./judge-job.ts";
import type { ModelCall, ModelNotice } from "./model-call.ts";
import { before, MOMENTS, type Moment, Moments } from "./moments.ts";
import { type Recovery, recoveryOf } from "./recovery.ts";
import { tenantOf } from "./shapes.ts";
import { Submitter } from "./submitter.ts";
import { judge, type Verdict } from "./verdict.ts";

export interface SoakOptions {
  readonly jobs: number;
  readonly kills: number;
  readonly seed: number;
  /** Where data, the engine's output and the calls are kept. */
  readonly dir: string;
  /** In ms; whatever is not done then is a violation. */
  readonly deadlineMs: number;
  /** Ends the run before. */
  readonly signal: AbortSignal;
  readonly onProgress: (line: string) => void;
}

export interface SoakReport extends Omit<Verdict, "logs"> {
  readonly jobs: number;
  readonly seed: number;
  readonly kills: Readonly<Record<Moment, number>>;
  readonly restarts: number;
  readonly durationMs: number;
  readonly submissions: { readonly accepted: number; readonly repeats: number; readonly answersLost: number };
  readonly recovery: Recovery;
  /** Everything that is off, lost and doubled jobs among it. */
  readonly violations: readonly string[];
}

const POLL_MS = 100;
/** Past the deadline, a start is waited for no longer, in ms. */
const LAST_START_MS = 30_000;

/**
 * Submits jobs to the embedded engine, kills its process with SIGKILL again and again and starts it again at once, and
 * judges what there is at the end. Resolves with what is off in `violations`; rejects where nothing could be judged.
 */
export async function runSoak(options: SoakOptions): Promise<SoakReport> {
  const { jobs, kills, seed, dir, onProgress } = options;
  const startedMs = performance.now();
  const random = seededRandom(seed);
  const moments = new Moments(random);
  const model = await start("../tools/soak/model-server.ts", { seed });
  model.child.on("message", ({ notice }: { notice: ModelNotice }) => moments.notify(notice));
  const lives: Life[] = [];
  const killed: Record<Moment, number> = { starting: 0, any: 0, streaming: 0, answered: 0, submitting: 0 };
  const violations: string[] = [];
  let engine: EngineProcess | undefined;
  const launch = (): EngineProcess => {
    const paths = { dataDir: join(dir, "data"), logFile: join(dir, "engine.log") };
    engine = new EngineProcess({ ...paths, generation: lives.length, modelUrl: model.url });
    lives.push(engine.life);
    void engine.died.then((why) => crashed.abort(new Error(why)));
    return engine;
  };
  const submitter = new Submitter({
    jobs,
    engineUrl: () => engine?.url,
    onSent: () => moments.notify("submitting"),
    random: seededRandom(seed + 1),
  });
  const crashed = new AbortController();
  const late = AbortSignal.timeout(options.deadlineMs);
  const signal = AbortSignal.any([options.signal, crashed.signal, late]);
  try {
    let running = launch();
    const submitted = submitter.run(signal);
    submitted.catch(() => {});
    let atRest = new Set<number>();
    try {
      for (let kill = 0; kill < kills; kill++) {
        submitter.release(Math.ceil((jobs * (kill + 1)) / (kills + 1)));
        const moment = moments.choose();
        await moments.wait(moment, running, signal);
        await running.kill(moment);
        killed[moment] += 1;
        running = launch();
        if ((kill + 1) % 10 === 0) onProgress(`${kill + 1} kills, ${submitter.accepted.size} jobs accepted`);
      }
      submitter.release(jobs);
      const api = new ApiClient(await before(running.healthy, signal));
      await before(submitted, signal);
      onProgress(`all ${jobs} jobs accepted; waiting for the last to end`);
      while (atRest.size < jobs) {
        await pause(POLL_MS, undefined, { signal });
        atRest = await rest(api, submitter.accepted, atRest);
      }
    } catch (error) {
      options.signal.throwIfAborted();
      if (!signal.aborted) throw error;
      if (crashed.signal.aborted) throw crashed.signal.reason;
      violations.push(`not at rest after ${options.deadlineMs / 1_000} s: ${jobs - atRest.size} of ${jobs} jobs`);
    }
    const api = new ApiClient(await before(running.healthy, AbortSignal.timeout(LAST_START_MS)));
    const calls = (await (await fetch(`${model.url}/calls`)).json()) as ModelCall[];
    writeFileSync(join(dir, "calls.json"), JSON.stringify(calls));
    writeFileSync(join(dir, "processes.json"), JSON.stringify(lives));
    const { logs, ...verdict } = await judge(api, submitter.accepted, calls, lives);
    await submitter.again(api);
    const status = await running.stop();
    if (status !== 0) violations.push(`on SIGTERM the engine ended with ${status}`);
    violations.push(...verdict.lost, ...verdict.doubled, ...submitter.violations, ...verdict.broken);
    return {
      ...verdict,
      jobs,
      seed,
      kills: killed,
      restarts: lives.length - 1,
      durationMs: Math.round(performance.now() - startedMs),
      submissions: {
        accepted: submitter.accepted.size,
        repeats: submitter.repeats,
        answersLost: submitter.answersLost,
      },
      recovery: recoveryOf(lives, logs),
      violations,
    };
  } finally {
    await engine?.kill("the end");
    await stop(model.child);
  }
}

/** Which jobs rest by now: looks only at those that did not. */
async function rest(
  api: ApiClient,
  accepted: ReadonlyMap<number, string>,
  before: ReadonlySet<number>,
): Promise<Set<number>> {
  const atRest = new Set(before);
  for (const [n, id] of accepted) {
    if (before.has(n)) continue;
    try {
      const job = await api.job(tenantOf(n), id);
      // What is lost or cannot be read has nothing to wait for: the verdict says so.
      if (job === undefined || isAtRest(job)) atRest.add(n);
    } catch (error) {
      if (error instanceof ApiError) atRest.add(n);
    }
  }
  return atRest;
}

export const killsOf = (report: Pick<SoakReport, "kills">): number =>
  MOMENTS.reduce((sum, moment) => sum + report.kills[moment], 0);
