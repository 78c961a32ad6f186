import type { EventBody, EventType } from "../../src/contract/events.ts";
import type { CommitId, JobId } from "../../src/contract/ids.ts";
import type { Message, MessageDetail } from "../../src/contract/messages.ts";
import type { AnyCapability } from "../../src/core/define-capability.ts";
import { applyEvent } from "../../src/core/fold.ts";
import { MAX_RECEIVES, type StoredCommit } from "../../src/core/ports.ts";
import { isEnded, type JobState } from "../../src/core/state.ts";
import { routes } from "../../src/engines/embedded/topic-router.ts";
import { CAPABILITIES, simulatedApp } from "./app.ts";
import { Dice } from "./dice.ts";
import { drawFaults, drawOutages, type FaultPlan, NO_FAULTS } from "./fault-plan.ts";
import { PROVIDERS, TENANT_LIMITS } from "./gated.ts";
import { Ledger } from "./ledger.ts";
import { Queues } from "./queues.ts";
import { BEGIN_MS, Scheduler } from "./scheduler.ts";
import { Store } from "./store.ts";

/** An invariant, by its number in docs/architecture.md, or a rule of its own by its name; and what breaks it. */
export interface Broken {
  readonly invariant: string;
  readonly what: string;
}

/** What kind of world a schedule takes place in. */
export interface WorldPlan {
  /** One process and atomic effects, like the embedded engine; otherwise several processes, like functions. */
  readonly embedded: boolean;
  readonly workers: number;
  readonly maxReceives: number;
  /** Providers have rates and outages, tenants have shares and limits. */
  readonly limited: boolean;
}

/** A commit, as the world saw it. */
export interface Written {
  readonly atMs: number;
  readonly by: string;
  /** When its writer heard that it is in the log; undefined where it never did. */
  heardMs: number | undefined;
}

/** Everything that is outside of the processes: time, chance, what is stored, and what is known of it all. */
export class World {
  readonly dice: Dice;
  readonly scheduler = new Scheduler();
  readonly store = new Store();
  readonly ledger = new Ledger();
  readonly plan: WorldPlan;
  readonly originalFaults: FaultPlan;
  readonly queues: Queues;
  readonly routes: ReadonlyMap<string, string> = ROUTES;
  readonly capabilities: ReadonlyMap<string, AnyCapability> = BY_NAME;
  /** Of what may still go wrong. */
  faults: FaultPlan;
  readonly broken: Broken[] = [];
  /** A line for each thing that happens, if they are wanted. */
  readonly lines: string[] | undefined;
  /** Called when a message may be received soon, or somebody may be free for one. */
  onQueued: () => void = () => {};
  /** Called once, with the next message that a process receives, before that does anything with it. */
  onNextReceived: ((detail: MessageDetail, holder: string) => void) | undefined;
  /** The schedule has come to its end: nobody asks for more. */
  isOver = false;
  /** Something has changed that may have brought the world to rest. */
  changed = true;
  /** What was found when it was looked at last. */
  atRest = false;
  /** The jobs as their logs say, folded commit by commit. */
  readonly states = new Map<JobId, JobState>();
  readonly counts = new Map<string, number>();
  readonly #written = new Map<CommitId, Written>();
  /** When each job's log has grown last. */
  readonly #movedMs = new Map<JobId, number>();
  /** Jobs that have waited for a person at some time. */
  readonly #rested = new Set<JobId>();
  /** Messages of each job since then. */
  readonly #received = new Map<string, number>();
  readonly #names = new Map<string, string>();
  #ids = 0;

  constructor(seed: number, traced: boolean) {
    this.dice = new Dice(seed);
    this.lines = traced ? [] : undefined;
    const embedded = this.dice.chance(0.4);
    const faults = drawFaults(this.dice, embedded);
    const early = this.dice.chance(0.3);
    const limited = seed % LIMITED_EACH === 0;
    this.originalFaults = limited ? { ...faults, outages: drawOutages(this.dice, PROVIDERS) } : faults;
    this.plan = {
      embedded,
      workers: embedded ? 1 : this.dice.int(2, 4),
      // More than the failures of one step take; waiting for a provider takes none.
      maxReceives: this.isGentle ? 9 : early ? this.dice.int(3, 6) : MAX_RECEIVES,
      limited,
    };
    this.faults = this.originalFaults;
    this.queues = new Queues(this.plan.maxReceives);
    this.trace("world", () => `${JSON.stringify(this.plan)} ${JSON.stringify(this.originalFaults)}`);
  }

  /** Whatever goes wrong, no process dies. */
  get isGentle(): boolean {
    return this.originalFaults.weather !== "rough";
  }

  nextId(): number {
    this.#ids += 1;
    return this.#ids;
  }

  latencyMs(): number {
    const { slow, slowMs } = this.faults;
    return this.dice.chance(slow) ? this.dice.ms(100, slowMs) : this.dice.int(0, 12);
  }

  send(queue: string, message: Message, aheadMs = 0): void {
    const { dice, faults, scheduler, queues } = this;
    if (dice.chance(faults.loseMessage)) {
      this.trace("queue", () => `LOSES a message of ${queue}`);
      return;
    }
    const copies = dice.chance(faults.doubleMessage) ? 2 : 1;
    for (let copy = 1; copy <= copies; copy++) {
      const delayMs = dice.chance(faults.delayMessage) ? dice.ms(100, 600_000) : dice.int(0, 30);
      queues.send(queue, message, scheduler.nowMs, aheadMs + delayMs);
      if (delayMs > 1_000) this.trace("queue", () => `DELAYS a message of ${queue} by ${delayMs} ms`);
      if (copy > 1) this.trace("queue", () => `DOUBLES a message of ${queue}`);
    }
    this.onQueued();
  }

  /** A commit is in the log, at this instant. */
  appended(commit: StoredCommit, by: string): void {
    this.changed = true;
    this.#written.set(commit.commitId, { atMs: this.scheduler.nowMs, by, heardMs: undefined });
    const events = this.store.eventsOf(commit);
    this.#checkDeployment(commit, events);
    this.#fold(commit, events);
    if (events[0]?.type === "job.submitted") this.#checkSubmitted(commit.jobId);
    for (const event of events) {
      if (event.type === "step.started" && event.lease.holder !== by) {
        this.broke("3", `${event.stepId} is claimed for ${event.lease.holder} by ${by}`);
      }
      if (event.type !== "step.started" && event.type !== "step.in_doubt") continue;
      const live = this.ledger.of(commit.jobId, event.stepId).find(({ end }) => end === "running");
      if (live) this.broke("3", `${event.stepId} is taken over (${event.type}) while ${live.process} calls it`);
    }
  }

  /** The commit's writer knows now that it is in the log. */
  heard({ commitId }: StoredCommit): void {
    const written = this.#written.get(commitId);
    if (written) written.heardMs ??= this.scheduler.nowMs;
  }

  /** When and by whom the event of this number was written. */
  written(jobId: JobId, seq: number): Written {
    const commit = this.store.commits(jobId).find(({ lastSeq }) => lastSeq >= seq);
    const written = commit && this.#written.get(commit.commitId);
    if (written === undefined) throw new Error(`${this.nameOf(jobId)} has no event ${seq}`);
    return written;
  }

  /** Code that is older than the log's records what it knows, and leaves what follows to newer code (rule 7). */
  #checkDeployment({ jobId, deploySeq, firstSeq }: StoredCommit, events: readonly EventBody[]): void {
    const state = this.states.get(jobId);
    const restedMs = this.scheduler.nowMs - (this.#movedMs.get(jobId) ?? 0);
    this.#movedMs.set(jobId, this.scheduler.nowMs);
    this.#received.delete(jobId);
    if (firstSeq !== (state?.seq ?? 0) + 1) return;
    if (state === undefined || state.deploySeq <= deploySeq || restedMs > LEFT_TO_NEWER_MS) return;
    const asked = events.find(({ type }) => ADVANCES.includes(type));
    if (asked)
      this.broke("rule 7", `deployment ${deploySeq} asks for ${brief(asked)} after deployment ${state.deploySeq}`);
  }

  /** One process knows of all its jobs: there the limit is exact. What a person has redriven comes back without being asked. */
  #checkSubmitted(jobId: JobId): void {
    if (!this.plan.limited || !this.plan.embedded) return;
    const tenant = this.states.get(jobId)?.tenant;
    const open = [...this.states.values()].filter(
      (state) => state.tenant === tenant && !isEnded(state) && !this.#rested.has(state.jobId),
    ).length;
    const most = TENANT_LIMITS.jobsInFlight;
    if (open > most) this.broke("share", `${open} jobs of ${tenant} have not ended, and ${most} are allowed`);
  }

  #fold(commit: StoredCommit, events: readonly EventBody[]): void {
    let state = this.states.get(commit.jobId);
    const next = (state?.seq ?? 0) + 1;
    if (commit.firstSeq !== next) this.broke("1", `a commit at seq ${commit.firstSeq} where the log needs ${next}`);
    try {
      for (const event of events) state = applyEvent(state, event, commit);
    } catch (error) {
      this.broke("1", (error as Error).message);
    }
    if (state) this.states.set(commit.jobId, state);
    if (state?.status === "dead-lettered") this.#rested.add(state.jobId);
  }

  /**
   * A message of the job's is in a worker's hands. Where nobody crashes between sending a copy and acknowledging, many of
   * them while its log does not grow ask for each other (rule 13).
   */
  received(detail: MessageDetail, holder: string): void {
    const { jobId } = detail;
    this.onNextReceived?.(detail, holder);
    this.onNextReceived = undefined;
    const received = (this.#received.get(jobId) ?? 0) + 1;
    this.#received.set(jobId, received);
    if (received === MAX_IDLE_MESSAGES[this.plan.limited ? "limited" : "free"] && this.originalFaults.crash === 0) {
      this.broke("rule 13", `${received} messages of ${this.nameOf(jobId)} since its log has grown last`);
    }
  }

  /** Figures of the use cases. */
  count(figure: string, value: number): void {
    this.counts.set(figure, (this.counts.get(figure) ?? 0) + value);
  }

  broke(invariant: string, what: string): void {
    this.broken.push({ invariant, what });
    this.trace("world", () => `BROKEN ${invariant}: ${what}`);
  }

  /** From here on nothing goes wrong any more. */
  stopFaults(): void {
    this.faults = NO_FAULTS;
    this.trace("world", () => "no more faults");
  }

  trace(who: string, text: () => string): void {
    if (this.lines === undefined) return;
    const seconds = ((this.scheduler.nowMs - BEGIN_MS) / 1_000).toFixed(3);
    this.lines.push(`${seconds.padStart(10)} s  ${who.padEnd(8)} ${text()}`);
  }

  /** A job's short name. */
  readonly nameOf = (jobId: string): string => {
    const name = this.#names.get(jobId) ?? `job${this.#names.size + 1}`;
    this.#names.set(jobId, name);
    return name;
  };

  describe(commit: StoredCommit): string {
    if (this.lines === undefined) return "";
    const events = this.store.eventsOf(commit).map(brief).join(", ");
    return `${this.nameOf(commit.jobId)} ${commit.firstSeq}–${commit.lastSeq} [${events}] as ${commit.commitId}`;
  }

  jobIds(): readonly JobId[] {
    return [...this.store.logs.keys()];
  }
}

/** One in so many schedules is about limits: they have more to do, and the others show the rest undisturbed. */
const LIMITED_EACH = 5;
/** What only a workflow's code can ask for. */
const ADVANCES: readonly string[] = [
  "step.requested",
  "timer.set",
  "signal.requested",
  "job.completed",
] satisfies EventType[];
/** For so long newer code has a job to itself, less what clocks and calls may be late by. */
const LEFT_TO_NEWER_MS = 700_000;
/**
 * Copies, deferrals and the reconciler's questions of an hour and a half together come to far fewer. Where steps wait for
 * limits, each fault between sending a copy and acknowledging doubles what goes on waiting.
 */
const MAX_IDLE_MESSAGES = { free: 400, limited: 2_000 };

const BY_NAME = new Map(CAPABILITIES.map((capability) => [capability.name, capability]));
const ROUTES = routes(simulatedApp(2, false));

function brief(event: EventBody): string {
  if (!("stepId" in event)) return event.type;
  const attempt = "attempt" in event && event.attempt > 0 ? `#${event.attempt}` : "";
  const more =
    event.type === "step.failed"
      ? ` (${event.error.name}${event.counts ? "" : ", does not count"}${event.final ? ", final" : ""})`
      : event.type === "step.progress" && event.final
        ? " (final)"
        : "";
  return `${event.type} ${event.stepId}${attempt}${more}`;
}
