import { advanceJob } from "../../lambdas/advance/advance.ts";
import { work } from "../../lambdas/worker/worker.ts";
import { advanceQueue } from "../../src/contract/messages.ts";
import type { Delivery } from "../../src/core/ports.ts";
import type { Fleet, Member } from "./fleet.ts";
import type { World } from "./world.ts";

/** Batches that a function works on at once, and messages in one. */
const FUNCTION_BATCHES = 1;
const EMBEDDED_BATCHES = 8;
const MAX_BATCH = 5;
/** What a function may take beyond its capability's timeout (rule 17), and a workflow's advance altogether. */
const FUNCTION_MARGIN_MS = 30_000;
const ADVANCE_MS = 60_000;
/** Before a record that an engine failed on comes again: as the handlers of queues do. */
const FAULT_DELAY_MS = 5_000;
const MAX_FAULT_DELAY_MS = 300_000;

/** Brings messages to processes, as event source mappings do, and answers for them as the handlers of queues do. */
export class Dispatcher {
  readonly #world: World;
  readonly #fleet: Fleet;
  #roundAtMs = Number.POSITIVE_INFINITY;

  constructor(world: World, fleet: Fleet) {
    this.#world = world;
    this.#fleet = fleet;
    world.onQueued = () => this.#wake();
    fleet.handOver = (member, delivery) => this.#handOver(member, delivery);
  }

  /** Something may have become visible, or somebody free. */
  #wake(): void {
    this.#world.changed = true;
    const { scheduler, queues, dice } = this.#world;
    const atMs = Math.max(queues.nextVisibleMs, scheduler.nowMs) + dice.int(1, 20);
    if (atMs >= this.#roundAtMs || !Number.isFinite(atMs)) return;
    this.#roundAtMs = atMs;
    scheduler.after(atMs - scheduler.nowMs, () => {
      if (this.#roundAtMs !== atMs) return;
      this.#roundAtMs = Number.POSITIVE_INFINITY;
      this.#round();
    });
  }

  /** A message goes to the worker that a place was kept for. */
  #handOver(member: Member, delivery: Delivery): void {
    void this.#work(member, [delivery], this.#visibilityMs(delivery.queue)).finally(() =>
      member.slots.free(delivery.message.detail.stepIds?.length ?? 1),
    );
  }

  #round(): void {
    const { queues, plan, dice, scheduler } = this.#world;
    const most = plan.embedded ? EMBEDDED_BATCHES : FUNCTION_BATCHES;
    let full = false;
    for (const queue of queues.names) {
      const free = this.#fleet.members.filter(({ batches }) => batches < most);
      if (free.length === 0) {
        full = true;
        break;
      }
      const visibilityMs = this.#visibilityMs(queue);
      const batch = queues.receive(queue, dice.int(1, MAX_BATCH), scheduler.nowMs, () => this.#heldMs(visibilityMs));
      if (batch.length > 0) void this.#work(dice.pick(free), batch, visibilityMs);
    }
    // Whoever becomes free wakes it again.
    if (!full) this.#wake();
  }

  /** How long a delivery is hidden: as long as it was asked for, or less. */
  #heldMs(visibilityMs: number): number {
    const { dice, faults } = this.#world;
    return dice.chance(faults.earlyVisibility) ? dice.ms(1, visibilityMs) : visibilityMs;
  }

  #visibilityMs(queue: string): number {
    const capability = this.#world.capabilities.get(queue);
    return capability === undefined ? ADVANCE_MS : capability.timeoutMs + FUNCTION_MARGIN_MS;
  }

  async #work(member: Member, batch: readonly Delivery[], lifeMs: number): Promise<void> {
    const { incarnation, runtime } = member;
    const { world } = incarnation;
    member.batches += 1;
    const endsAtMs = incarnation.clock.now() + lifeMs;
    // A function that outlasts its time is killed, and everything that it was doing with it.
    const spare = world.plan.embedded
      ? () => {}
      : incarnation.after(lifeMs, () => incarnation.crash("at its time-out"));
    const done: Delivery[] = [];
    for (const delivery of batch) {
      world.received(delivery.message.detail, incarnation.holder);
      world.trace(incarnation.holder, () => `receives ${describe(world, delivery)}`);
    }
    await Promise.all(
      batch.map(async (delivery) => {
        if (await handle(member, delivery, { endsAtMs, company: batch.length - 1 })) done.push(delivery);
      }),
    );
    if (done.length > 0) await runtime.queue.ack(done).catch(() => {});
    spare();
    member.batches -= 1;
    this.#wake();
  }
}

interface Batch {
  readonly endsAtMs: number;
  readonly company: number;
}

/** Whether the message is done. One that is not stays in its queue, as it is. */
async function handle({ runtime }: Member, delivery: Delivery, batch: Batch): Promise<boolean> {
  const { queue, message, receiveCount, claimedBy } = delivery;
  const { detail } = message;
  let retryAfterMs: number | undefined;
  try {
    const workflow = [...runtime.app.workflows.keys()].find((name) => advanceQueue(name) === queue);
    const request = { capability: queue, detail, receiveCount, ...(claimedBy ? { claimedBy } : {}), ...batch };
    ({ retryAfterMs } = await (workflow === undefined
      ? work(request, runtime)
      : advanceJob(workflow, detail, runtime)));
  } catch {
    retryAfterMs = Math.min(FAULT_DELAY_MS * 2 ** (receiveCount - 1), MAX_FAULT_DELAY_MS);
  }
  if (retryAfterMs === undefined) return true;
  await runtime.queue.retryLater(delivery, retryAfterMs).catch(() => {});
  return false;
}

function describe(world: World, { queue, receipt, receiveCount, message, claimedBy }: Delivery): string {
  const { jobId, seq, stepIds } = message.detail;
  const steps = stepIds === undefined ? "" : ` ${stepIds.join("+")}`;
  return `${queue}/${receipt} (${receiveCount}.): ${world.nameOf(jobId)}${steps}@${seq}${claimedBy ? ` claimed by ${claimedBy}` : ""}`;
}
