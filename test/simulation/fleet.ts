import type { Delivery } from "../../src/core/ports.ts";
import { createRuntime, type Logger, type Runtime } from "../../src/core/runtime.ts";
import { type SimulatedResources, simulatedApp } from "./app.ts";
import { simulatedEngine } from "./engine.ts";
import { Incarnation } from "./incarnation.ts";
import { LocalSlots } from "./local-slots.ts";
import { Provider } from "./provider.ts";
import { WatchedLimits } from "./watched-limits.ts";
import type { World } from "./world.ts";

/** A process with everything that the use cases need, and with what it is doing. */
export interface Member {
  readonly name: string;
  readonly incarnation: Incarnation;
  readonly runtime: Runtime;
  readonly slots: LocalSlots;
  /** Batches that it works on. */
  batches: number;
  /** Takes nothing new: another has taken its place. */
  retired: boolean;
}

const APPS = { 1: simulatedApp(1, false), 2: simulatedApp(2, false) } as const;
const LIMITED_APPS = { 1: simulatedApp(1, true), 2: simulatedApp(2, true) } as const;
const EMPTY_CORPUS = { search: () => [], read: () => undefined };

/** The processes of a world: several, as functions are, or the only one of an embedded engine. */
export class Fleet {
  readonly #world: World;
  readonly #members = new Map<string, Member>();
  readonly #starts = new Map<string, number>();
  readonly #shared: WatchedLimits;
  /** All that there have been. */
  readonly limits: WatchedLimits[] = [];
  deployment: 1 | 2 = 1;
  /** Takes a message for a member that has kept a place for it. */
  handOver: (member: Member, delivery: Delivery) => void = () => {};

  constructor(world: World) {
    this.#world = world;
    this.#shared = this.#addLimits();
  }

  #addLimits(): WatchedLimits {
    const limits = new WatchedLimits(this.#world);
    this.limits.push(limits);
    return limits;
  }

  /** Alive, and the current one of its name. */
  get members(): readonly Member[] {
    return [...this.#members.values()].filter(({ incarnation, retired }) => incarnation.alive && !retired);
  }

  start(name: string): void {
    const world = this.#world;
    const { embedded } = world.plan;
    const starts = (this.#starts.get(name) ?? 0) + 1;
    this.#starts.set(name, starts);
    const before = this.#members.get(name);
    if (before) before.retired = true;
    const offsetMs = embedded ? 0 : world.dice.int(-world.originalFaults.skewMs, world.originalFaults.skewMs);
    const incarnation = new Incarnation(world, `${name}.${starts}`, offsetMs);
    incarnation.onCrash(() => this.#restart(name, incarnation));
    const app = (world.plan.limited ? LIMITED_APPS : APPS)[this.deployment];
    // An embedded engine counts each of its starts as a deployment.
    const deploySeq = embedded ? starts : this.deployment;
    const slots = new LocalSlots(incarnation, (delivery) => this.handOver(member, delivery));
    // Those of an embedded engine are in its process's memory, and gone with it.
    const limits = embedded ? this.#addLimits() : this.#shared;
    const resources: SimulatedResources = {
      tools: app.tools,
      model: app.model,
      price: app.price,
      corpus: EMPTY_CORPUS,
      provider: new Provider(world, incarnation, limits),
    };
    const runtime = createRuntime(simulatedEngine(incarnation, limits, { deploySeq, embedded }), {
      app,
      resources,
      logger: loggerOf(incarnation),
      metrics: { record: (figure, value) => world.count(figure, value), flush: () => {} },
      maxSkewMs: embedded ? 0 : world.originalFaults.skewMs,
      ...(embedded ? { localWorkers: slots } : {}),
    });
    const member: Member = { name, incarnation, runtime, slots, batches: 0, retired: false };
    this.#members.set(name, member);
    world.trace(incarnation.holder, () => `starts, deployment ${deploySeq}, clock ${offsetMs} ms off`);
    if (embedded) world.queues.releaseAll(world.scheduler.nowMs);
    world.onQueued();
  }

  /** A crashed process comes back after a while, as a new one, unless it was replaced before. */
  #restart(name: string, incarnation: Incarnation): void {
    if (this.#members.get(name)?.incarnation !== incarnation) return;
    this.#world.scheduler.after(this.#world.dice.ms(100, 20_000), () => {
      if (this.#members.get(name)?.incarnation === incarnation) this.start(name);
    });
  }

  /** New code, which each process gets at a time of its own: an embedded one by a restart, a function while old ones end their work. */
  deploy(): void {
    this.deployment = 2;
    for (const { name, incarnation } of this.members) {
      this.#world.scheduler.after(this.#world.dice.ms(10, 60_000), () => {
        if (this.#members.get(name)?.incarnation !== incarnation || !incarnation.alive) return;
        if (this.#world.plan.embedded) incarnation.crash("for the new deployment");
        else this.start(name);
      });
    }
  }
}

/** Lines go into the trace: they tell what the code thought, but not from where, which differs from run to run. */
function loggerOf({ world, holder }: Incarnation): Logger {
  const line =
    (level: string) =>
    (message: string, data: object): void =>
      world.trace(holder, () => `${level}: ${message} ${JSON.stringify({ ...data, at: undefined })}`);
  return { debug: line("debug"), info: line("info"), warn: line("warn"), error: line("error") };
}
