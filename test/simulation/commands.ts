import { isDeepStrictEqual } from "node:util";
import { cancelJob, discardDeadLetters, forkJob, redrive, signalJob } from "../../lambdas/commands/commands.ts";
import type { JobId, TenantId } from "../../src/contract/ids.ts";
import { deadLettersOf } from "../../src/core/commands.ts";
import type { Runtime } from "../../src/core/runtime.ts";
import { isEnded } from "../../src/core/state.ts";
import type { Member } from "./fleet.ts";
import type { Scene } from "./scene.ts";

/** What people ask of jobs while these go their way. Each picks its job and its worker by chance. */

interface Chosen {
  readonly jobId: JobId;
  readonly tenant: TenantId;
  readonly runtime: Runtime;
  readonly say: (what: string) => void;
}

/** Ends a job. Once that is answered, it has ended. */
export function cancel(scene: Scene): void {
  const chosen = choose(scene);
  if (chosen) cancelOne(scene, chosen);
}

/** Ends the next job of which a process gets a message, in that process: about when it claims what the message names. */
export function cancelWhatIsTaken(scene: Scene): void {
  const { world, fleet } = scene;
  world.onNextReceived = ({ tenant, jobId }, holder) => {
    const member = fleet.members.find(({ incarnation }) => incarnation.holder === holder);
    if (member === undefined) return;
    const chosen = by(member, { jobId, tenant });
    member.incarnation.after(world.dice.chance(0.5) ? 0 : world.dice.int(1, 30), () => cancelOne(scene, chosen));
  };
}

function cancelOne(scene: Scene, { jobId, tenant, runtime, say }: Chosen): void {
  say("is asked to cancel");
  cancelJob({ tenant, jobId }, undefined, runtime).then(
    () => {
      const state = scene.world.states.get(jobId);
      if (state && !isEnded(state)) scene.world.broke("5", `${scene.world.nameOf(jobId)} was cancelled, and goes on`);
    },
    (error: Error) => say(`cannot cancel: ${error.message}`),
  );
}

/** Tries dead letters again. Where one has waited since before, and still does, the answer must name it (rule 10). */
export function redriveDeadLetters(scene: Scene): void {
  const chosen = choose(scene, waits(scene));
  if (chosen === undefined) return;
  const { world } = scene;
  const { jobId, tenant, runtime, say } = chosen;
  const state = world.states.get(jobId);
  const before = state?.seq;
  const waiting = state ? deadLettersOf(state).length : 0;
  say("is asked to redrive");
  redrive({ tenant, jobId }, {}, runtime).then(
    (taken) => {
      say(`has redriven ${taken.map(({ stepId }) => stepId).join(", ") || "nothing"}`);
      if (taken.length === 0 && waiting > 0 && world.states.get(jobId)?.seq === before) {
        world.broke("rule 10", `${world.nameOf(jobId)}: nothing was redriven, although ${waiting} dead letters wait`);
      }
    },
    (error: Error) => say(`cannot redrive: ${error.message}`),
  );
}

/** Gives dead letters up for good. */
export function discard(scene: Scene): void {
  const chosen = choose(scene, waits(scene));
  if (chosen === undefined) return;
  const { jobId, tenant, runtime, say } = chosen;
  say("is asked to discard");
  discardDeadLetters({ tenant, jobId }, { reason: "not worth it" }, runtime).then(
    () => say("has discarded"),
    (error: Error) => say(`cannot discard: ${error.message}`),
  );
}

/** Sends a signal, from two at once. Once that is answered, the job has the one of them that was taken. */
export function signal(scene: Scene): void {
  const { world } = scene;
  const chosen = choose(scene, (jobId) => world.states.get(jobId)?.workflow === "asked");
  if (chosen === undefined) return;
  const { jobId, tenant } = chosen;
  for (const by of ["ada", "eve"]) {
    const { runtime, say } = choose(scene, (other) => other === jobId) ?? chosen;
    say(`is sent a signal by ${by}`);
    signalJob({ tenant, jobId }, "go", { payload: { by } }, runtime).then(
      () => {
        const payload = world.states.get(jobId)?.signals.get("go")?.payload;
        if (isDeepStrictEqual(payload, { by })) return;
        world.broke("5", `${world.nameOf(jobId)} took ${by}'s signal, and has ${JSON.stringify(payload)}`);
      },
      (error: Error) => say(`does not take ${by}'s signal: ${error.message}`),
    );
  }
}

/** Begins a new job with the results of one. */
export function fork(scene: Scene): void {
  const chosen = choose(scene);
  if (chosen === undefined) return;
  const { world } = scene;
  const { jobId, tenant, runtime, say } = chosen;
  const completed = [...(world.states.get(jobId)?.steps.values() ?? [])].filter(({ status }) => status === "completed");
  const after = completed.length > 0 && world.dice.chance(0.8) ? world.dice.pick(completed).id : undefined;
  say(`is asked to fork, after ${after ?? "nothing"}`);
  const context = { idempotencyKey: undefined, traceparent: `00-${"f".repeat(32)}-${"f".repeat(16)}-00` };
  forkJob({ tenant, jobId }, { ...(after === undefined ? {} : { after }) }, context, runtime).then(
    ({ job }) => say(`has forked it: ${world.nameOf(job.id)}`),
    (error: Error) => say(`cannot fork: ${error.message}`),
  );
}

/** Moves a dead letter back to its queue, unchanged, as a queue's own redrive does; now and then one that was moved before. */
export function moveBack({ world, moves }: Scene): void {
  const { dice, queues, scheduler } = world;
  const letters = [...world.routes.values()].flatMap((queue) =>
    queues.deadLetters(queue).map((letter) => ({ queue, letter })),
  );
  if (letters.length === 0) return;
  const { queue, letter } = dice.pick(letters);
  const { jobId, seq, stepIds } = letter.message.detail;
  if (!dice.chance(0.2)) queues.dropDeadLetter(queue, letter);
  queues.send(queue, letter.message, scheduler.nowMs);
  if (letter.seq !== undefined) moves.push({ jobId, seq });
  world.trace("world", () => `MOVES BACK ${world.nameOf(jobId)} ${stepIds?.join("+") ?? ""}@${seq} to ${queue}`);
  world.onQueued();
}

const waits =
  ({ world }: Scene) =>
  (jobId: JobId): boolean => {
    const state = world.states.get(jobId);
    return state !== undefined && !isEnded(state) && deadLettersOf(state).length > 0;
  };

function choose({ world, fleet }: Scene, fits: (jobId: JobId) => boolean = () => true): Chosen | undefined {
  const jobs = [...world.states.values()].filter(({ jobId }) => fits(jobId));
  const { members } = fleet;
  if (jobs.length === 0 || members.length === 0) return undefined;
  return by(world.dice.pick(members), world.dice.pick(jobs));
}

function by(
  { runtime, incarnation: { world, holder } }: Member,
  { jobId, tenant }: Pick<Chosen, "jobId" | "tenant">,
): Chosen {
  const say = (what: string): void => world.trace(holder, () => `${world.nameOf(jobId)}: ${what}`);
  return { jobId, tenant, runtime, say };
}
