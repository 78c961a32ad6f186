import { isEnded, type JobState } from "../../src/core/state.ts";
import { scheduleActions } from "./actions.ts";
import { checkWorld, isAtRest } from "./check-world.ts";
import { Dispatcher } from "./dispatcher.ts";
import { Fleet } from "./fleet.ts";
import { BEGIN_MS } from "./scheduler.ts";
import { type Broken, World } from "./world.ts";

export interface ScheduleResult {
  readonly seed: number;
  /** Which invariants the schedule broke, and by what; none if all hold. */
  readonly broken: readonly Broken[];
  readonly jobs: number;
  readonly commits: number;
  readonly calls: number;
  readonly steps: number;
  /** From the last fault to rest, in ms of virtual time. */
  readonly settledMs: number;
  /** Line by line what happened, if asked for. */
  readonly trace: readonly string[];
}

/** Faults stop after this time at the earliest and at the latest, in ms of virtual time. */
const FAULTS_MS = [180_000, 900_000] as const;
/**
 * By when all must have come to rest after that. No message is later than a quarter of an hour, a reconciler looks at a
 * job once in a quarter of an hour at the least, and leaves it to newer code for as long (rules 7 and 13).
 */
const REST_MS = 5_400_000;
/** For so long rest must last: what is still on its way arrives. */
const STILL_MS = 120_000;

/**
 * Runs one schedule, from beginning to end as its seed says: jobs are submitted, things go wrong, then nothing goes
 * wrong any more, and in the end every invariant is checked. The same seed gives the same schedule, whatever the machine.
 */
export async function runSchedule(seed: number, { traced = false } = {}): Promise<ScheduleResult> {
  const world = new World(seed, traced);
  const { dice, scheduler, store, plan } = world;
  const fleet = new Fleet(world);
  new Dispatcher(world, fleet);
  for (let n = 1; n <= plan.workers; n++) fleet.start(`w${n}`);
  const scene = scheduleActions(world, fleet);
  const failed = (): boolean => world.broken.length > 0;
  await scheduler.run(failed, BEGIN_MS + dice.ms(...FAULTS_MS));
  world.stopFaults();
  const stoppedMs = scheduler.nowMs;
  let settledMs: number;
  do {
    await scheduler.run(() => failed() || comesToRest(world), stoppedMs + REST_MS);
    settledMs = scheduler.nowMs - stoppedMs;
    await scheduler.run(failed, scheduler.nowMs + STILL_MS);
  } while (!failed() && !comesToRest(world) && settledMs < REST_MS);
  world.isOver = true;
  if (!failed()) await checkWorld(scene);
  return {
    seed,
    broken: world.broken,
    jobs: store.logs.size,
    commits: [...store.logs.values()].reduce((sum, log) => sum + log.size, 0),
    calls: world.ledger.calls.length,
    steps: scheduler.steps,
    settledMs,
    trace: world.lines ?? [],
  };
}

/** Nothing is queued, and every job has ended and is listed so, or waits for a person. Looked at only where something has changed. */
function comesToRest(world: World): boolean {
  if (world.changed) {
    world.changed = false;
    world.atRest = world.queues.areEmpty && [...world.states.values()].every((state) => isListed(state, world));
  }
  return world.atRest;
}

function isListed(state: JobState, { store }: World): boolean {
  const head = store.heads.get(state.jobId);
  return head?.status === state.status && isAtRest(state) && isEnded(state) === (head.wakeAtMs === undefined);
}
