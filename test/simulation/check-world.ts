import { isDeepStrictEqual } from "node:util";
import { eventsOf, type JobEvent } from "../../src/contract/events.ts";
import type { JobId } from "../../src/contract/ids.ts";
import { advanceQueue } from "../../src/contract/messages.ts";
import { deadLettersOf } from "../../src/core/commands.ts";
import { decodeCommit } from "../../src/core/commit-codec.ts";
import { fold } from "../../src/core/fold.ts";
import type { Blobs } from "../../src/core/ports.ts";
import { ADVANCE_STEP, isEnded, type JobState } from "../../src/core/state.ts";
import { brokenInvariants } from "../../src/testing/check-log.ts";
import { MAX_ATTEMPTS } from "./app.ts";
import { brokenByCalls } from "./check-calls.ts";
import { checkLimits } from "./check-limits.ts";
import { brokenByVerdicts } from "./check-verdicts.ts";
import { RETRYABLE_ERRORS } from "./provider.ts";
import type { Scene } from "./scene.ts";
import type { World } from "./world.ts";

interface Job {
  readonly jobId: JobId;
  readonly events: readonly JobEvent[];
  /** Undefined where the log cannot be folded. */
  readonly state: JobState | undefined;
}

/** Checks the invariants on a world that has come to rest, and adds to `world.broken` what breaks them. */
export async function checkWorld(scene: Scene): Promise<void> {
  const { world } = scene;
  const jobs = await Promise.all(world.jobIds().map((jobId) => readJob(world, jobId)));
  for (const job of jobs) checkJob(world, job);
  checkReaders(scene, new Map(jobs.map((job) => [job.jobId, job.events])));
  checkSubmissions(scene, jobs);
  checkMoves(scene, jobs);
  if (world.isGentle) checkGentle(world, jobs);
  if (world.plan.limited) checkLimits(scene);
}

async function readJob(world: World, jobId: JobId): Promise<Job> {
  const blobs: Blobs = { get: async (ref) => world.store.blob(ref), put: () => Promise.reject(new Error("read only")) };
  const stored = world.store.commits(jobId);
  const commits = await Promise.all(stored.map(async (commit) => (await decodeCommit(commit, blobs)).commit));
  const events = commits.flatMap(eventsOf);
  try {
    return { jobId, events, state: fold(commits) };
  } catch (error) {
    world.broke("1", `${world.nameOf(jobId)}: ${(error as Error).message}`);
    return { jobId, events, state: undefined };
  }
}

function checkJob(world: World, { jobId, events, state }: Job): void {
  const name = world.nameOf(jobId);
  for (const broken of brokenInvariants(events, MAX_ATTEMPTS, RETRYABLE_ERRORS)) {
    world.broke(broken.slice(0, 1), `${name}: ${broken.slice(3)}`);
  }
  if (state === undefined) return;
  const head = world.store.heads.get(jobId);
  if (head === undefined) world.broke("5", `${name}: is in no list, and nothing wakes it`);
  else if (head.status !== state.status) world.broke("5", `${name}: is ${state.status}, but listed as ${head.status}`);
  else if (isEnded(state) !== (head.wakeAtMs === undefined))
    world.broke("5", `${name}: ${state.status}, wakes ${head.wakeAtMs}`);
  if (!isAtRest(state)) world.broke("5", `${name}: is stuck: ${open(state)}`);
  for (const broken of brokenByVerdicts(events)) world.broke(broken.invariant, `${name}: ${broken.what}`);
  for (const broken of brokenByCalls(
    world.ledger.calls.filter((call) => call.jobId === jobId),
    events,
    (seq) => world.written(jobId, seq),
  )) {
    world.broke(broken.invariant, `${name}: ${broken.what}`);
  }
  if (!isEnded(state)) checkDeadLetters(world, state);
}

/** Ended, or waiting for nobody but a person. */
export function isAtRest(state: JobState): boolean {
  if (isEnded(state) || state.advance?.deadLettered !== undefined) return true;
  const open = [...state.steps.values()].filter(({ status }) => status !== "completed" && status !== "failed");
  return state.advance === undefined && open.length > 0 && open.every(({ status }) => status === "dead-lettered");
}

const open = ({ steps, advance }: JobState): string =>
  [...steps.values()]
    .filter(({ status }) => status !== "completed" && status !== "failed")
    .map(({ id, status }) => `${id} is ${status}`)
    .concat(advance === undefined ? [] : [`its workflow failed ${advance.failures} times`])
    .join(", ") || "all steps are answered";

/** What waits for a person is where a person looks: in the queue's dead letters, under the number of its event (rule 16). */
function checkDeadLetters(world: World, state: JobState): void {
  const { queues, nameOf } = world;
  for (const { stepId, capability, seq } of deadLettersOf(state)) {
    const queue = stepId === ADVANCE_STEP ? advanceQueue(state.workflow) : capability;
    const letters = queues.deadLetters(queue).filter(({ message }) => message.detail.jobId === state.jobId);
    const found = letters.some(({ message }) => stepId === ADVANCE_STEP || message.detail.stepIds?.includes(stepId));
    if (!found)
      world.broke(
        "5",
        `${nameOf(state.jobId)}: ${stepId} waits for a person since ${seq}, but is no dead letter of ${queue}`,
      );
  }
}

/** Whoever read along has seen the log as it is now (invariant 6). */
function checkReaders({ world, readers }: Scene, logs: ReadonlyMap<JobId, readonly JobEvent[]>): void {
  for (const { jobId, from, seen } of readers) {
    const expected = logs.get(jobId)?.slice(from, from + seen.length);
    if (!isDeepStrictEqual(seen, expected)) {
      world.broke(
        "6",
        `${world.nameOf(jobId)}: a reader from ${from} has seen ${seen.map(({ seq }) => seq).join(", ")}`,
      );
    }
  }
}

/** What was accepted is there, once for each key (rule 14), and belongs to who submitted it. */
function checkSubmissions({ world, submissions }: Scene, jobs: readonly Job[]): void {
  for (const { tenant, n, key, accepted, created } of submissions) {
    const own = jobs.filter(({ events: [first] }) => {
      return first?.type === "job.submitted" && first.forkedFrom === undefined && isDeepStrictEqual(first.input, { n });
    });
    for (const jobId of accepted) {
      if (!own.some((job) => job.jobId === jobId))
        world.broke("5", `${world.nameOf(jobId)} was accepted, and is not there`);
    }
    for (const { jobId, events } of own) {
      if (events[0]?.tenant !== tenant)
        world.broke("8", `${world.nameOf(jobId)} of ${tenant} is ${events[0]?.tenant}'s`);
    }
    if (key === undefined) continue;
    if (own.length > 1)
      world.broke("rule 14", `${key} stands for ${own.map(({ jobId }) => world.nameOf(jobId)).join(", ")}`);
    if (created > 1) world.broke("rule 14", `${key}: two callers were told that theirs was the first`);
  }
}

/** What came from a queue's dead letters was moved there by somebody: any other copy is a stray one (rule 16). */
function checkMoves({ world, moves }: Scene, jobs: readonly Job[]): void {
  for (const { jobId, events } of jobs) {
    const redriven = events.filter((event) => event.type === "step.redriven" && event.by === "queue");
    const moved = new Set(moves.filter((move) => move.jobId === jobId).map(({ seq }) => seq));
    if (redriven.length > moved.size) {
      world.broke(
        "rule 16",
        `${world.nameOf(jobId)}: ${redriven.length} redrives by the queue, ${moved.size} letters moved`,
      );
    }
  }
}

/** Where nothing goes wrong that the jobs' own way could not deal with, nothing else may have had to. */
function checkGentle(world: World, jobs: readonly Job[]): void {
  for (const { jobId, events } of jobs) {
    const doubt = events.find(({ type }) => type === "step.in_doubt");
    if (doubt) world.broke("4", `${world.nameOf(jobId)}: nobody died, and seq ${doubt.seq} is in doubt`);
  }
  if (world.originalFaults.weather !== "gentle") return;
  const published = world.counts.get("MessagesRepublished") ?? 0;
  // Who waits for a limit for minutes is asked for again, and no harm is done.
  if (published > 0 && !world.plan.limited)
    world.broke("5", `${world.originalFaults.about}, and the reconciler had to publish ${published} messages`);
  const { setAside } = world.queues;
  if (setAside > 0) world.broke("7", `${setAside} messages were set aside by their queues, and they kill nobody`);
}
