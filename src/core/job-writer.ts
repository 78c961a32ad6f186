import type { Commit, EventBody, EventOf } from "../contract/events.ts";
import type { JobId, TenantId } from "../contract/ids.ts";
import type { Message } from "../contract/messages.ts";
import { topics } from "../contract/messages.ts";
import { advance } from "./advance.ts";
import { encodeCommit } from "./commit-codec.ts";
import type { App } from "./define-app.ts";
import type { AnyCapability } from "./define-capability.ts";
import {
  ContentionError,
  errorInfo,
  PublishingError,
  UnavailableError,
  UnknownJobError,
  WorkflowError,
} from "./errors.ts";
import { applyEvent, type CommitHeader } from "./fold.ts";
import { JobStates } from "./job-states.ts";
import { isLeftToNewerCode } from "./newer-code.ts";
import type {
  AppendOutcome,
  Blobs,
  Clock,
  Effects,
  EventLog,
  Head,
  HeadChange,
  Ids,
  JobIndex,
  LocalWorkers,
  Outgoing,
  Snapshots,
  StoredCommit,
  Topics,
} from "./ports.ts";
import { advanceMessage, messagesFor, outstanding } from "./publish.ts";
import { encodeSnapshot, isSnapshotDue } from "./snapshot.ts";
import { ADVANCE_STEP, isEnded, type JobState, waitsForStart } from "./state.ts";

/** What somebody wants of a job, decided on the job as it is. Called again on every conflict: it must be pure. */
export type Decide<T> = (state: JobState, nowMs: number) => Decision<T>;

export interface Decision<T> {
  readonly events: readonly EventBody[];
  readonly result: T;
  /** Messages besides those that follow from the events. */
  readonly messages?: readonly Message[];
  /** Run the workflow even if no event calls for it; what is wrong with it goes on record. */
  readonly advance?: boolean;
}

export interface WriterDeps {
  readonly app: App;
  readonly log: EventLog;
  readonly index: JobIndex;
  readonly blobs: Blobs;
  readonly snapshots?: Snapshots;
  readonly topics: Topics;
  readonly clock: Clock;
  readonly ids: Ids;
  /** Names this worker in leases. */
  readonly holder: string;
  readonly deploySeq: number;
  /** Messages are published in the transaction of their commit: none can be missing. */
  readonly atomicEffects: boolean;
  readonly isGone: (holder: string) => boolean;
  /** Calls back soon: what else is decided on a job until then shares its commit. */
  readonly coalesce: (jobId: JobId, commit: () => void) => void;
  readonly localWorkers?: LocalWorkers;
  /** Whether a step may be claimed for them without asking at the gates. */
  readonly mayClaimAhead?: (capability: AnyCapability, input: unknown) => boolean;
  /** A workflow could not be brought forward. */
  readonly onBroken?: (state: JobState, error: WorkflowError) => void;
  /** A job has come to its end, by an append of this process. */
  readonly onEnded?: (state: JobState) => void;
  readonly onConflict?: (jobId: JobId) => void;
  /** A job is accepted, but its first messages could not be published: it begins when the reconciler looks at it. */
  readonly onDelayed?: (jobId: JobId, error: unknown) => void;
  /** A head could not be changed: it stays due. */
  readonly onHeadMissed?: (jobId: JobId, error: unknown) => void;
  /** A snapshot could not be kept or read: reading the job costs more until the next one. */
  readonly onSnapshotLost?: (jobId: JobId, error: unknown) => void;
}

interface Item {
  readonly seq: number;
  readonly decide: Decide<unknown>;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

export interface CreateOptions {
  /** Follows the submission: what another job's log knows already. */
  readonly kept?: readonly EventBody[];
  /** Rejects where the job must not begin, as its first pass has made it: then nothing is written. */
  readonly admit?: ((state: JobState) => Promise<void>) | undefined;
}

/** Tries to bring a workflow forward before it waits for a person. */
export const MAX_ADVANCE_FAILURES = 3;
const ADVANCE_RETRY_MS = 2_000;
const MAX_TRIES = 30;
const MAX_BATCH = 64;
const CONFLICT_JITTER_MS = 20;
/** A job that has not moved for this long, in ms, may miss a message. */
const QUIET_MS = 5_000;

/**
 * The only writer of logs. Brings decisions, folding, advancing and appending together:
 *
 * 1. Appends of one job go one after the other in this process (its lane); what arrives meanwhile shares the next commit.
 * 2. A conflict with another process drops what was folded, reads the log, and decides anew.
 * 3. A conflict whose winner carries our commit id is our own append, whose answer was lost.
 * 4. What a result leads to is in the same commit as the result. If the workflow is broken, the result goes in alone.
 * 5. Nothing is appended after the terminal event: decisions see an ended job and find nothing to do.
 */
export class JobWriter {
  readonly states: JobStates;
  readonly #deps: WriterDeps;
  readonly #lanes = new Map<JobId, Item[]>();

  constructor(deps: WriterDeps) {
    this.#deps = deps;
    this.states = new JobStates(deps);
  }

  /**
   * Begins a job, as far as its workflow gets at once. With an id that exists already, nothing is written.
   * Resolves when all of it is durable, with what `view` takes from the job as it was then: a state goes on changing.
   */
  async create<T>(
    jobId: JobId,
    tenant: TenantId,
    submitted: EventOf<"job.submitted">,
    wakeAtMs: number,
    view: (state: JobState) => T,
    options: CreateOptions = {},
  ): Promise<{ view: T; created: boolean }> {
    const { kept = [], admit } = options;
    if (this.#lanes.has(jobId) || this.states.cached(jobId)) {
      try {
        return await this.#existing(jobId, view);
      } catch (error) {
        // Whoever was about to create it has failed: our turn.
        if (error instanceof UnknownJobError) return this.create(jobId, tenant, submitted, wakeAtMs, view, options);
        throw error;
      }
    }
    const lane: Item[] = [];
    this.#lanes.set(jobId, lane);
    let created = false;
    try {
      const draft = this.#draft(jobId, tenant, 1);
      for (const event of [submitted, ...kept]) draft.add(event);
      await this.#advance(draft, false);
      const { state } = draft;
      try {
        await admit?.(state);
      } catch (error) {
        draft.release();
        throw error;
      }
      const head: Head = {
        jobId,
        tenant,
        workflow: submitted.workflow,
        status: state.status,
        createdAt: state.createdAt,
        wakeAtMs: isEnded(state) ? undefined : wakeAtMs,
        expiresMs: state.expiresMs,
      };
      this.states.keep(state);
      const seen = view(state);
      created = await this.#accept(draft, head);
      if (created) return { view: seen, created };
    } finally {
      if (!created) this.states.drop(jobId);
      this.#next(jobId, lane);
    }
    return this.#existing(jobId, view);
  }

  /** A job that is in the log is accepted: who was told otherwise would send it a second time. */
  async #accept(draft: Draft, head: Head): Promise<boolean> {
    try {
      return (await this.#append(draft, { head })) === "appended";
    } catch (error) {
      if (!(error instanceof PublishingError)) throw error;
      this.#deps.onDelayed?.(head.jobId, error);
      return true;
    }
  }

  /**
   * Decides on a job and appends what follows; resolves with the decision's result when all of it is durable.
   * Rejects with {@link UnknownJobError} for a log without commits, with {@link ContentionError} when others kept
   * winning, and with {@link PublishingError} when all is written but somebody must ask again for its messages.
   *
   * `seq`: the log is known to go that far, by a message. A state from memory that does not is read on first, which
   * costs less than an append that collides.
   */
  update<T>(jobId: JobId, decide: Decide<T>, seq = 0): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const item: Item = { seq, decide, resolve: resolve as (value: unknown) => void, reject };
      const lane = this.#lanes.get(jobId);
      if (lane) {
        lane.push(item);
        return;
      }
      const opened = [item];
      this.#lanes.set(jobId, opened);
      this.#deps.coalesce(jobId, () => void this.#run(jobId, opened));
    });
  }

  #existing<T>(jobId: JobId, view: (state: JobState) => T): Promise<{ view: T; created: boolean }> {
    return this.update(jobId, (state, nowMs) => ({
      events: [],
      result: { view: view(state), created: false },
      messages: this.missing(state, nowMs),
    }));
  }

  /**
   * What a job that has not moved for a while may still wait for, where messages can be missing (rule 12). A job that
   * goes on needs no help: each message doubled for it would be found done in its turn, and double more.
   */
  missing(state: JobState, nowMs: number): Message[] {
    const { app, atomicEffects, isGone } = this.#deps;
    const quietMs = nowMs - Date.parse(state.updatedAt);
    return atomicEffects || quietMs < QUIET_MS ? [] : outstanding(state, app, nowMs, isGone);
  }

  async #run(jobId: JobId, lane: Item[]): Promise<void> {
    const batch = lane.splice(0, MAX_BATCH);
    try {
      await this.#commit(jobId, batch);
    } catch (error) {
      this.states.drop(jobId);
      for (const item of batch) item.reject(error);
    }
    this.#next(jobId, lane);
  }

  #next(jobId: JobId, lane: Item[]): void {
    if (lane.length === 0) this.#lanes.delete(jobId);
    else void this.#run(jobId, lane);
  }

  async #commit(jobId: JobId, batch: readonly Item[]): Promise<void> {
    const { clock, ids } = this.#deps;
    const seq = Math.max(...batch.map((item) => item.seq));
    let alone = false;
    for (let tries = 1; tries <= MAX_TRIES; tries++) {
      const { state, fresh } = await this.states.load(jobId, seq);
      if (state === undefined) throw new UnknownJobError(jobId);
      const before = state.status;
      const draft = this.#draft(jobId, state.tenant, state.seq + 1, state);
      const settled = this.#decide(draft, batch);
      if (draft.wantsAdvance && alone) this.#leaveAdvance(draft);
      else if (draft.wantsAdvance) await this.#advance(draft, draft.mustAdvance);
      if (draft.events.length === 0) {
        // An append proves that the state was the last one; doing nothing does not (rule 10).
        if (!fresh && !(await this.#isLast(state))) {
          this.states.drop(jobId);
          continue;
        }
        // No event, no commit: an empty one would stand in the way of the next for ever.
        if (draft.messages.length > 0) await this.#publish(jobId, draft.messages);
        settled();
        return;
      }
      const headChange = changeOf(before, state);
      try {
        if ((await this.#append(draft, headChange ? { headChange } : {})) === "appended") {
          await this.#snapshot(state);
          settled();
          return;
        }
      } catch (error) {
        // A result does not depend on what follows from it (rule 6): without that, it may be written. If it is not yet.
        if (error instanceof PublishingError || alone || !draft.wantsAdvance) throw error;
        // What was only asked to advance comes again: an outage is no failure of the workflow's (invariant 7).
        if (error instanceof UnavailableError && draft.mustAdvance) throw error;
        alone = true;
        this.states.drop(jobId);
        continue;
      }
      this.states.drop(jobId);
      this.#deps.onConflict?.(jobId);
      await new Promise<void>((resolve) => clock.setTimer(ids.random() * CONFLICT_JITTER_MS * tries, resolve));
    }
    throw new ContentionError(`could not append to ${jobId}: ${MAX_TRIES} times another writer was faster`);
  }

  #decide(draft: Draft, batch: readonly Item[]): () => void {
    const answers: (() => void)[] = [];
    for (const item of batch) {
      let decision: Decision<unknown>;
      try {
        decision = item.decide(draft.state, draft.nowMs);
      } catch (error) {
        answers.push(() => item.reject(error));
        continue;
      }
      // An event that the log cannot take leaves a state that is half changed: it fails the whole draft.
      for (const event of decision.events) draft.add(event);
      draft.messages.push(...(decision.messages ?? []));
      draft.mustAdvance ||= decision.advance === true;
      answers.push(() => item.resolve(decision.result));
    }
    return () => {
      for (const answer of answers) answer();
    };
  }

  /** Runs the workflow on the draft and adds what it asks for. */
  async #advance(draft: Draft, record: boolean): Promise<void> {
    const { app, deploySeq, ids, localWorkers, mayClaimAhead = () => true } = this.#deps;
    const { state } = draft;
    if (isEnded(state) || waitsForStart(state, draft.nowMs)) return;
    if (isLeftToNewerCode(state, deploySeq, draft.nowMs)) {
      // Newer code has worked on this job: it advances, we only record (rule 7).
      if (!record) draft.messages.push(advanceMessage(state));
      return;
    }
    const outcome = await advance(state, app, { nowMs: draft.nowMs, random: () => ids.random() });
    if (outcome.kind === "broken") {
      this.#deps.onBroken?.(state, outcome.error);
      if (record) this.#recordBroken(draft, outcome.error);
      else draft.messages.push(advanceMessage(state));
      return;
    }
    if (state.advance !== undefined && outcome.events.length === 0) {
      // The workflow runs again but has nothing new to ask: its failure is over all the same.
      draft.add({ type: "value.recorded", valueId: `recovered/${state.seq}`, value: true });
    }
    for (const event of outcome.events) draft.add(event);
    if (localWorkers && outcome.kind === "waits") draft.claimWith(localWorkers, mayClaimAhead);
  }

  /** What the workflow asks for could not be written, so it is left to a message, or, if it is asked by one, goes on record. */
  #leaveAdvance(draft: Draft): void {
    if (draft.mustAdvance)
      this.#recordBroken(draft, new WorkflowError("what the workflow asks for could not be written"));
    else draft.messages.push(advanceMessage(draft.state));
  }

  #recordBroken(draft: Draft, error: WorkflowError): void {
    const { advance } = draft.state;
    const attempt = (advance?.attempt ?? 0) + 1;
    const failures = (advance?.failures ?? 0) + 1;
    const final = failures >= MAX_ADVANCE_FAILURES;
    const about = { stepId: ADVANCE_STEP, capability: ADVANCE_STEP, attempt, error: errorInfo(error) };
    const retryAt = final ? {} : { retryAt: iso(draft.nowMs + ADVANCE_RETRY_MS * failures) };
    draft.add({ type: "step.failed", ...about, counts: true, final, ...retryAt });
    if (final) draft.add({ type: "step.dead_lettered", ...about });
  }

  async #append(draft: Draft, effects: Effects): Promise<AppendOutcome> {
    const { blobs } = this.#deps;
    const messages = draft.outgoing();
    let appended = false;
    try {
      const { stored, characters } = await encodeCommit(draft.commit(), blobs);
      appended = await this.#appendOnce(stored, {
        ...effects,
        messages,
        expiresMs: draft.state.expiresMs,
      });
      if (appended) {
        if (isEnded(draft.state)) this.#deps.onEnded?.(draft.state);
        draft.state.size += characters;
        this.states.keep(draft.state);
      }
      return appended ? "appended" : "conflict";
    } finally {
      if (!appended) for (const message of messages) message.reservation?.release();
    }
  }

  /** Appends; where the answer is a conflict or was lost, looks whether the commit is there all the same (rule 1). */
  async #appendOnce(commit: StoredCommit, effects: Effects): Promise<boolean> {
    const { log, index, onHeadMissed } = this.#deps;
    let failure: unknown;
    try {
      if ((await log.append(commit, effects)) === "appended") return true;
    } catch (error) {
      failure = error;
    }
    const [winner] = await log.read(commit.jobId, commit.firstSeq - 1, 1);
    // Another's commit in its place says that ours is not there and never will be, whatever the answer was.
    if (winner === undefined && failure !== undefined) throw failure;
    if (winner?.commitId !== commit.commitId) return false;
    const { messages = [], headChange } = effects;
    await this.#publish(commit.jobId, messages);
    if (headChange) await index.change(commit.jobId, headChange).catch((error) => onHeadMissed?.(commit.jobId, error));
    return true;
  }

  async #publish(jobId: JobId, messages: readonly Message[]): Promise<void> {
    await this.#deps.topics.publish(messages).catch((error: unknown) => {
      throw new PublishingError(jobId, error);
    });
  }

  async #snapshot(state: JobState): Promise<void> {
    const { snapshots, onSnapshotLost } = this.#deps;
    if (!snapshots || isEnded(state) || !isSnapshotDue(state)) return;
    try {
      await snapshots.put(state.jobId, state.seq, encodeSnapshot(state));
      state.snapshotSeq = state.seq;
      state.snapshotCommits = state.commits;
    } catch (error) {
      onSnapshotLost?.(state.jobId, error);
    }
  }

  async #isLast(state: JobState): Promise<boolean> {
    return (await this.#deps.log.read(state.jobId, state.seq, 1)).length === 0;
  }

  #draft(jobId: JobId, tenant: TenantId, firstSeq: number, state?: JobState): Draft {
    const { app, clock, ids, deploySeq, holder } = this.#deps;
    const nowMs = clock.now();
    const snapshotSeq = state?.snapshotSeq ?? 0;
    const header = {
      jobId,
      tenant,
      firstSeq,
      commitId: ids.commitId(),
      deploySeq,
      time: iso(nowMs),
      ...(snapshotSeq > 0 ? { snapshotSeq } : {}),
    };
    return new Draft(app, header, nowMs, holder, state);
  }
}

/** A commit in the making: every event added is folded at once, so that the next decision sees it. */
class Draft {
  readonly events: EventBody[] = [];
  readonly messages: Message[] = [];
  readonly nowMs: number;
  mustAdvance = false;
  readonly #app: App;
  readonly #header: CommitHeader;
  readonly #holder: string;
  readonly #claimed: Outgoing[] = [];
  #state: JobState | undefined;
  #calls = false;

  constructor(app: App, header: CommitHeader, nowMs: number, holder: string, state?: JobState) {
    this.#app = app;
    this.#header = header;
    this.nowMs = nowMs;
    this.#holder = holder;
    this.#state = state;
  }

  get state(): JobState {
    if (this.#state === undefined) throw new Error("a draft has no state before its first event");
    return this.#state;
  }

  get wantsAdvance(): boolean {
    return this.mustAdvance || this.#calls;
  }

  add(event: EventBody): void {
    this.#state = applyEvent(this.#state, event, this.#header);
    this.events.push(event);
    if (isAnswer(event)) this.#calls = true;
  }

  /** Claims requested steps for workers of this process that are free now: one commit instead of two, no wait. */
  claimWith(workers: LocalWorkers, may: Required<WriterDeps>["mayClaimAhead"]): void {
    for (const message of messagesFor(this.state, this.events, this.#app)) {
      const { stepIds } = message.detail;
      const steps = stepIds?.flatMap((stepId) => this.state.steps.get(stepId) ?? []) ?? [];
      const [first] = steps;
      if (!stepIds || !first || message.topic !== topics.requested(first.capability)) continue;
      // One that is redriven for later has to wait.
      if (steps.some(({ status }) => status !== "requested")) continue;
      const capability = this.#app.capabilities.get(first.capability);
      if (!capability || !steps.every(({ input }) => may(capability, input))) continue;
      const reservation = workers.reserve(capability.name, stepIds.length);
      if (!reservation) continue;
      this.#claimed.push({ ...message, reservation });
      const lease = { holder: this.#holder, until: iso(this.nowMs + capability.leaseMs) };
      for (const { id, attempt } of steps) {
        this.add({ type: "step.started", stepId: id, capability: capability.name, attempt: attempt + 1, lease });
      }
    }
  }

  /** Gives back the places that were kept free: nothing of this is written. */
  release(): void {
    for (const { reservation } of this.#claimed) reservation?.release();
  }

  outgoing(): Outgoing[] {
    const claimed = new Map(this.#claimed.map((message) => [message.detail.stepIds?.[0], message]));
    const derived = messagesFor(this.state, this.events, this.#app);
    return [...derived.map((message) => claimed.get(message.detail.stepIds?.[0]) ?? message), ...this.messages];
  }

  commit(): Commit {
    return { ...this.#header, events: this.events };
  }
}

/** Whether the workflow hears of it: a step's result, or that there will be none. */
const isAnswer = (event: EventBody): boolean =>
  event.type === "step.completed" || event.type === "step.discarded" || (event.type === "step.failed" && event.final);

function changeOf(before: JobState["status"], state: JobState): HeadChange | undefined {
  if (before === state.status) return undefined;
  return isEnded(state) ? { status: state.status, wakeAtMs: null } : { status: state.status };
}

export const iso = (epochMs: number): string => new Date(epochMs).toISOString();
