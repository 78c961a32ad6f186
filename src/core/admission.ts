import type { JobId, TenantId } from "../contract/ids.ts";
import type { App } from "./define-app.ts";
import type { Clock, JobIndex, Limits, LogReader, WorkQueue } from "./ports.ts";
import { type Place, SharedCount } from "./shared-count.ts";
import type { JobState } from "./state.ts";

export type RefusalReason = "rate" | "in-flight" | "backlog";

/** A job must not begin now; the same may later. */
export class RefusedJobError extends Error {
  override readonly name = "RefusedJobError";
  readonly reason: RefusalReason;
  /** Whole seconds, at least 1. */
  readonly retryAfterS: number;

  constructor(reason: RefusalReason, retryAfterMs: number, message: string) {
    super(message);
    this.reason = reason;
    this.retryAfterS = Math.max(1, Math.ceil(retryAfterMs / 1_000));
  }
}

/** What is left of a tenant's rate. */
export interface RateLeft {
  /** Jobs that may begin at once. */
  readonly jobs: number;
  /** Until it is all there again. */
  readonly fullInMs: number;
}

export interface AdmissionDeps {
  readonly app: App;
  readonly log: LogReader;
  readonly index: JobIndex;
  readonly queue: WorkQueue;
  readonly limits: Limits;
  readonly clock: Clock;
  readonly countsFreshMs: number;
}

const MINUTE_MS = 60_000;
/** For fractions of a ms in costs. */
const SLACK_MS = 0.5;
/** When one of a tenant's jobs ends nobody knows: soon enough to be worth a look. */
const IN_FLIGHT_RETRY_MS = 5_000;
const MAX_RETRY_MS = 900_000;
/** Where nothing was measured. */
const UNMEASURED_RETRY_MS = 60_000;

/**
 * Says whether a job may begin. Where no limit is set, nothing is asked.
 *
 * 1. A refusal writes nothing and takes nothing: the rate is asked last, when nothing else stands in the way.
 * 2. What was accepted before is not refused: an idempotency key that has its job is let through.
 * 3. Jobs that are beginning in this process count before any index knows of them.
 */
export class Admission {
  readonly #deps: AdmissionDeps;
  readonly #open: SharedCount;
  readonly #waiting: SharedCount;

  constructor(deps: AdmissionDeps) {
    this.#deps = deps;
    this.#open = new SharedCount(deps.clock, deps.countsFreshMs);
    this.#waiting = new SharedCount(deps.clock, deps.countsFreshMs);
  }

  /** One job that is about to begin. `end` must follow, whatever comes of it. */
  begin(tenant: TenantId, jobId: JobId, mayExist: boolean): Entrance {
    const places: Taken[] = [];
    let left: RateLeft | undefined;
    return {
      admit: this.#isLimited
        ? async (state) => {
            if (mayExist && (await this.#deps.log.read(jobId, 0, 1)).length > 0) return;
            await this.#checkInFlight(tenant, places);
            for (const name of asked(state)) await this.#checkBacklog(name, places);
            left = await this.#takeFromRate(tenant);
          }
        : undefined,
      left: () => left,
      end: (begun) => {
        for (const place of places.splice(0)) place.settle(begun);
      },
    };
  }

  get #isLimited(): boolean {
    const { tenantLimits, capabilities } = this.#deps.app;
    const { jobsPerMinute, jobsInFlight } = tenantLimits;
    if (jobsPerMinute !== undefined || jobsInFlight !== undefined) return true;
    return [...capabilities.values()].some(({ maxBacklog }) => maxBacklog !== undefined);
  }

  async #checkInFlight(tenant: TenantId, places: Taken[]): Promise<void> {
    const { app, index } = this.#deps;
    const most = app.tenantLimits.jobsInFlight;
    if (most === undefined) return;
    const place = await this.#open.take(tenant, 1, most, () => index.countRunning(tenant, most));
    if (place.free) return void places.push(place);
    throw new RefusedJobError(
      "in-flight",
      IN_FLIGHT_RETRY_MS,
      `${most} jobs of this tenant are in flight, and no more are allowed at once; wait until one has ended`,
    );
  }

  async #checkBacklog(name: string, places: Taken[]): Promise<void> {
    const { app, queue } = this.#deps;
    const most = app.capabilities.get(name)?.maxBacklog;
    if (most === undefined) return;
    const place = await this.#waiting.take(name, 1, most, async () => {
      const { ready, delayed } = await queue.backlog(name);
      return ready + delayed;
    });
    if (place.free) return void places.push(place);
    const perSecond = await queue.drainedPerSecond(name);
    const excess = place.count - most + 1;
    const waitMs = perSecond === undefined ? UNMEASURED_RETRY_MS : (1_000 * excess) / perSecond;
    throw new RefusedJobError(
      "backlog",
      Math.min(waitMs, MAX_RETRY_MS),
      `${place.count} messages wait for capability ${name}, and new jobs that need it are taken while fewer than ${most} do`,
    );
  }

  async #takeFromRate(tenant: TenantId): Promise<RateLeft | undefined> {
    const { app, limits, clock } = this.#deps;
    const { jobsPerMinute } = app.tenantLimits;
    if (jobsPerMinute === undefined) return undefined;
    const nowMs = clock.now();
    const costMs = MINUTE_MS / jobsPerMinute;
    const reserved = await limits.reserve(`jobs#${tenant}`, { costMs, burstMs: MINUTE_MS + SLACK_MS, nowMs });
    if (reserved.granted) {
      const { usedMs } = reserved;
      return { jobs: Math.max(0, Math.floor((MINUTE_MS + SLACK_MS - usedMs) / costMs)), fullInMs: usedMs };
    }
    throw new RefusedJobError(
      "rate",
      reserved.retryAtMs - nowMs,
      `this tenant may begin ${jobsPerMinute} jobs a minute, and has`,
    );
  }
}

export interface Entrance {
  /** Rejects with {@link RefusedJobError}; undefined where nothing is limited. */
  readonly admit: ((state: JobState) => Promise<void>) | undefined;
  /** Once admitted, if the tenant's rate is limited. */
  left(): RateLeft | undefined;
  /** The job has begun, so that others can count it, or it will not. */
  end(begun: boolean): void;
}

type Taken = Extract<Place, { readonly free: true }>;

/** The capabilities that a job's first pass has work for which must queue: what was handed to a worker waits for nothing. */
const asked = (state: JobState): ReadonlySet<string> =>
  new Set([...state.steps.values()].filter(({ status }) => status === "requested").map(({ capability }) => capability));
