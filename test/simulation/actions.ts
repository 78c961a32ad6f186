import { getEvents } from "../../lambdas/events/events.ts";
import { listJobs } from "../../lambdas/jobs/jobs.ts";
import { reconcile } from "../../lambdas/reconciler/reconciler.ts";
import { submit } from "../../lambdas/submit/submit.ts";
import type { JobId, TenantId } from "../../src/contract/ids.ts";
import { RefusedJobError } from "../../src/core/admission.ts";
import { iso } from "../../src/core/iso.ts";
import { WORKFLOWS } from "./app.ts";
import { cancel, cancelWhatIsTaken, discard, fork, moveBack, redriveDeadLetters, signal } from "./commands.ts";
import type { Fleet, Member } from "./fleet.ts";
import type { Reader, Scene, Submission } from "./scene.ts";
import type { World } from "./world.ts";

export const TENANTS = ["acme", "globex"] as TenantId[];

/** Between two looks of the reconciler. */
const RECONCILE_MS = { embedded: 15_000, functions: 60_000 } as const;
const CLIENT_TIMEOUT_MS = 20_000;
const MAX_SENDS = 4;
/** When the last action of a schedule begins, at the latest. */
const LAST_ACTION_MS = 90_000;

type Action = (scene: Scene) => void;

/**
 * What can happen in a schedule besides the jobs' own way, and how often: each is drawn for each schedule. A new command
 * of the system is one more line here.
 */
const ACTIONS: readonly {
  readonly most: number;
  readonly share: number;
  readonly act: Action;
  readonly rough?: true;
}[] = [
  { most: 2, share: 0.6, act: submitJob },
  { most: 1, share: 0.35, act: deploy, rough: true },
  { most: 2, share: 0.5, act: crashSomebody, rough: true },
  { most: 1, share: 0.1, act: cancel, rough: true },
  { most: 1, share: 0.1, act: cancelWhatIsTaken, rough: true },
  { most: 3, share: 0.4, act: redriveDeadLetters, rough: true },
  { most: 3, share: 0.4, act: moveBack, rough: true },
  { most: 1, share: 0.15, act: discard, rough: true },
  { most: 3, share: 0.5, act: signal },
  { most: 1, share: 0.1, act: fork, rough: true },
  { most: 2, share: 0.6, act: follow },
  { most: 1, share: 0.3, act: list },
  { most: 5, share: 0.4, act: look },
];

/** Draws the actions of a schedule and sets their times. */
export function scheduleActions(world: World, fleet: Fleet): Scene {
  const { dice, scheduler } = world;
  const scene: Scene = { world, fleet, submissions: [], readers: [], moves: [] };
  scheduler.after(0, () => submitJob(scene));
  for (const { most, share, act, rough } of ACTIONS) {
    if (rough && world.isGentle) continue;
    for (let n = 0; n < most; n++) {
      if (dice.chance(share)) scheduler.after(dice.ms(10, LAST_ACTION_MS), () => act(scene));
    }
  }
  reconcilePeriodically(scene);
  return scene;
}

function submitJob(scene: Scene): void {
  const { world, submissions } = scene;
  const { dice } = world;
  const submission: Submission = {
    tenant: dice.pick(TENANTS),
    workflow: dice.pick(WORKFLOWS),
    // Tells one submission from another in the logs. Gentle ones sleep so shortly that nobody need wake them.
    n: submissions.length * 100 + (world.isGentle ? dice.int(0, 4) * 20 + dice.int(1, 4) : dice.int(0, 99)),
    key: dice.chance(0.7) ? `key ${submissions.length}` : undefined,
    options: {
      ...(dice.chance(0.08) && !world.isGentle ? { deadlineMs: dice.ms(5_000, 300_000) } : {}),
      ...(dice.chance(0.1)
        ? { startAt: iso(world.scheduler.nowMs + dice.ms(1_000, world.isGentle ? 20_000 : 1_500_000)) }
        : {}),
    },
    accepted: new Set(),
    created: 0,
  };
  submissions.push(submission);
  send(scene, submission, 1);
  // Impatient callers send twice at once.
  if (submission.key !== undefined && dice.chance(0.2)) send(scene, submission, MAX_SENDS);
}

/** Sends until there is an answer, if the key makes that safe. */
function send(scene: Scene, submission: Submission, sends: number): void {
  const { world, fleet } = scene;
  const { dice, scheduler } = world;
  const { tenant, workflow, n, key, options } = submission;
  const again = (): void => {
    if (!answered && key !== undefined && sends < MAX_SENDS) send(scene, submission, sends + 1);
  };
  const wasAccepted = submission.accepted.size > 0;
  let answered = false;
  scheduler.after(CLIENT_TIMEOUT_MS, again);
  const member = some(world, fleet.members);
  if (member === undefined) return;
  world.trace(member.incarnation.holder, () => `is sent ${workflow} ${n}${key === undefined ? "" : ` with ${key}`}`);
  const command = {
    tenant,
    request: { workflow, input: { n }, options },
    idempotencyKey: key,
    traceparent: `00-${String(n + 1).padStart(32, "0")}-${String(dice.int(1, 1e9)).padStart(16, "0")}-00`,
  };
  submit(command, member.runtime).then(
    ({ job, created }) => {
      answered = true;
      world.trace(member.incarnation.holder, () => `accepts ${world.nameOf(job.id)}${created ? "" : ", again"}`);
      submission.accepted.add(job.id as JobId);
      if (created) submission.created += 1;
    },
    (error: Error) => {
      world.trace(member.incarnation.holder, () => `refuses ${workflow} ${n}: ${error.message}`);
      if (!(error instanceof RefusedJobError)) return;
      if (wasAccepted) world.broke("rule 14", `${key} has its job, and is refused: ${error.message}`);
      // Nothing was written, so this is safe without a key, too.
      if (sends < MAX_SENDS) scheduler.after(error.retryAfterS * 1_000, () => send(scene, submission, sends + 1));
    },
  );
}

function deploy({ world, fleet }: Scene): void {
  world.trace("world", () => "DEPLOYS changed workflows");
  fleet.deploy();
}

function crashSomebody({ world, fleet }: Scene): void {
  some(world, fleet.members)?.incarnation.crash("by itself");
}

/** Follows the log of a job from somewhere to its end, or looks at somebody else's. */
function follow({ world, fleet, readers }: Scene): void {
  const { dice, store } = world;
  const jobId = some(world, [...store.heads.keys()]);
  const head = jobId && store.heads.get(jobId);
  if (!head) return;
  const reader: Reader = { tenant: head.tenant, jobId: head.jobId, from: dice.int(0, 3), seen: [] };
  readers.push(reader);
  const read = (): void => {
    const member = some(world, fleet.members);
    const again = (): void => {
      if (!world.isOver) world.scheduler.after(dice.ms(500, 30_000), read);
    };
    if (member === undefined) {
      again();
      return;
    }
    const after = reader.seen.at(-1)?.seq ?? reader.from;
    getEvents(reader.tenant, reader.jobId, { after, limit: dice.int(1, 20) }, member.runtime).then(
      ({ events, ended }) => {
        reader.seen.push(...events);
        if (!ended) again();
      },
      again,
    );
  };
  read();
}

/** Nobody sees another's jobs (invariant 8). */
function list({ world, fleet }: Scene): void {
  const member = some(world, fleet.members);
  const tenant = world.dice.pick(TENANTS);
  if (member === undefined) return;
  listJobs(tenant, { limit: 5 }, member.runtime).then(
    ({ jobs }) => {
      const own = world.store.jobsOf(tenant);
      for (const { id } of jobs) {
        if (!own.includes(id as JobId)) world.broke("8", `${tenant} is shown ${world.nameOf(id)}`);
      }
    },
    () => {},
  );
}

/** Somebody starts the reconciler by hand. */
function look({ world, fleet }: Scene): void {
  const member = some(world, fleet.members);
  if (member) reconcileOn(world, member);
}

function reconcilePeriodically({ world, fleet }: Scene): void {
  const periodMs = RECONCILE_MS[world.plan.embedded ? "embedded" : "functions"];
  const next = (): void => {
    const member = some(world, fleet.members);
    if (member) reconcileOn(world, member);
    world.scheduler.after(periodMs, next);
  };
  world.scheduler.after(world.dice.int(0, periodMs), next);
}

function reconcileOn(world: World, { runtime, incarnation }: Member): void {
  reconcile(runtime, incarnation.clock.now() + 30_000).catch((error: Error) =>
    world.trace(incarnation.holder, () => `reconciler fails: ${error.message}`),
  );
}

const some = <T>({ dice }: World, items: readonly T[]): T | undefined =>
  items.length === 0 ? undefined : dice.pick(items);
