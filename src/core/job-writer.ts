import type { EventBody, EventOf } from "../contract/events.ts";
import type { JobId, TenantId } from "../contract/ids.ts";
import type { Message } from "../contract/messages.ts";
import type { Told } from "../contract/webhooks.ts";
import { type AdvanceDeps, advanceDraft, leaveAdvance } from "./advance-draft.ts";
import { Appender, type AppenderDeps } from "./appender.ts";
import type { Decide, Decision } from "./decision.ts";
import { Draft } from "./draft.ts";
import { ContentionError, PublishingError, UnavailableError, UnknownJobError } from "./errors.ts";
import { iso } from "./iso.ts";
import { JobStates } from "./job-states.ts";
import type { Clock, Head, HeadChange } from "./ports.ts";
import { asSpares, outstanding } from "./publish.ts";
import { isEnded, type JobState } from "./state.ts";

export interface WriterDeps extends AppenderDeps, AdvanceDeps {
  readonly clock: Clock;
  /** Names this worker in leases. */
  readonly holder: string;
  /** Messages are published in the transaction of their commit: none can be missing. */
  readonly atomicEffects: boolean;
  readonly isGone: (holder: string) => boolean;
  /** Calls back soon: what else is decided on a job until then shares its commit. */
  readonly coalesce: (jobId: JobId, commit: () => void) => void;
  readonly onConflict?: (jobId: JobId) => void;
  /** All is written, but its messages could not be published: it goes on when the reconciler looks at it. */
  readonly onDelayed?: (jobId: JobId, error: unknown) => void;
}

interface Item {
  readonly seq: number;
  readonly decide: Decide<unknown>;
  /** Whoever decided asks again where messages could not be published. */
  readonly asksAgain: boolean;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/** Answers to all who decided, now that what follows is written. */
type Settle = (unpublished?: PublishingError) => void;

export interface CreateOptions {
  /** Follows the submission: what another job's log knows already. */
  readonly kept?: readonly EventBody[];
  /** Rejects where the job must not begin, as its first pass has made it: then nothing is written. */
  readonly admit?: ((state: JobState) => Promise<void>) | undefined;
  /** Whom its events are told: found out while the workflow's first pass is made. Rejects where nobody can say. */
  readonly told?: Promise<readonly Told[]>;
}

const MAX_TRIES = 30;
const MAX_BATCH = 64;
const CONFLICT_JITTER_MS = 20;
/** A job that has not moved for this long, in ms, may miss a message. */
const QUIET_MS = 5_000;
/** A job that goes on is looked at after so long, in ms. */
export const LOOK_SOON_MS = 60_000;
/** For so long the repeat of a submission asks for what may be missing, in ms. */
const REPEAT_MS = 120_000;
/** For so long a message that may be a second one waits where its step has to, in ms. */
const SPARE_MS = 60_000;

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
  readonly #appender: Appender;
  readonly #lanes = new Map<JobId, Item[]>();

  constructor(deps: WriterDeps) {
    this.#deps = deps;
    this.states = new JobStates(deps);
    this.#appender = new Appender(deps, this.states);
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
    const { kept = [], admit, told } = options;
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
      await advanceDraft(draft, false, this.#deps);
      try {
        const [webhooks = []] = await Promise.all([told, admit?.(draft.state)]);
        if (webhooks.length > 0) draft.tell(webhooks);
      } catch (error) {
        draft.release();
        throw error;
      }
      const { state } = draft;
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
      return (await this.#appender.append(draft, { head })) === "appended";
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
    return this.#enter(jobId, decide, seq, true);
  }

  /**
   * Like {@link update}, for who does not ask again: what is in the log is done. Messages that could not be published are
   * left to the reconciler.
   */
  record<T>(jobId: JobId, decide: Decide<T>): Promise<T> {
    return this.#enter(jobId, decide, 0, false);
  }

  #enter<T>(jobId: JobId, decide: Decide<T>, seq: number, asksAgain: boolean): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const item: Item = { seq, decide, asksAgain, resolve: resolve as (value: unknown) => void, reject };
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
    return this.record(jobId, (state, nowMs) => ({
      events: [],
      result: { view: view(state), created: false },
      // Later, whoever looks at jobs that are due has seen to it: a caller who asks for hours must not fill the queue.
      messages: nowMs - Date.parse(state.createdAt) < REPEAT_MS ? this.missing(state, nowMs) : [],
    }));
  }

  /**
   * What a job that has not moved for a while may still wait for, where messages can be missing (rule 12). A job that
   * goes on needs no help: each message doubled for it would be found done in its turn, and double more.
   */
  missing(state: JobState, nowMs: number): Message[] {
    const { app, atomicEffects, isGone } = this.#deps;
    const quietMs = nowMs - Date.parse(state.updatedAt);
    if (atomicEffects || quietMs < QUIET_MS) return [];
    return asSpares(outstanding(state, app, nowMs, isGone), nowMs + SPARE_MS);
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
      const settle = this.#decide(draft, batch);
      const unpublished = (error: PublishingError): void => {
        this.states.drop(jobId);
        settle(error);
      };
      if (draft.wantsAdvance && alone) leaveAdvance(draft);
      else if (draft.wantsAdvance) await advanceDraft(draft, draft.mustAdvance, this.#deps);
      if (draft.events.length === 0) {
        // An append proves that the state was the last one; doing nothing does not (rule 10).
        if (!fresh && !(await this.#appender.isLast(state))) {
          this.states.drop(jobId);
          continue;
        }
        // No event, no commit: an empty one would stand in the way of the next for ever.
        if (draft.messages.length === 0) return settle();
        return this.#appender.publish(jobId, draft.messages).then(() => settle(), unpublished);
      }
      const headChange = changeOf(before, state);
      try {
        if ((await this.#appender.append(draft, headChange ? { headChange } : {})) === "appended") {
          await this.#appender.snapshot(state);
          return settle();
        }
      } catch (error) {
        if (error instanceof PublishingError) return unpublished(error);
        // A result does not depend on what follows from it (rule 6): without that, it may be written. If it is not yet.
        if (alone || !draft.wantsAdvance) throw error;
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

  #decide(draft: Draft, batch: readonly Item[]): Settle {
    const { jobId } = draft.state;
    const answers: Settle[] = [];
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
      answers.push((unpublished) => {
        if (unpublished && item.asksAgain) return item.reject(unpublished);
        if (unpublished) this.#deps.onDelayed?.(jobId, unpublished);
        item.resolve(decision.result);
      });
    }
    return (unpublished) => {
      for (const answer of answers) answer(unpublished);
    };
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

function changeOf(before: JobState["status"], state: JobState): HeadChange | undefined {
  if (before === state.status) return undefined;
  const { status } = state;
  if (isEnded(state)) return { status, wakeAtMs: null };
  // While it waited for a person it was looked at more and more seldom.
  return before === "dead-lettered" ? { status, wakeAtMs: Date.parse(state.updatedAt) + LOOK_SOON_MS } : { status };
}
