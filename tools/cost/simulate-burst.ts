import { seededRandom } from "../../src/testing/random.ts";

/** What stands between a burst of jobs and its end. Rates are of the published limits of AWS; all can be set. */
export interface BurstModel {
  readonly jobs: number;
  /** The capability of each step, in the order of the job. */
  readonly steps: readonly string[];
  readonly capabilities: Readonly<Record<string, CapabilityModel>>;
  /** What the API takes: a second, and at once after a pause. Who is told 429 asks again. */
  readonly throttle: { readonly rate: number; readonly burst: number };
  /** Functions of the account that run at once. */
  readonly accountConcurrency: number;
  /** What a model's provider takes a minute. @default no limit */
  readonly provider?: { readonly requestsPerMinute: number; readonly tokensPerMinute: number };
  /** From the end of a step to its successor being in its queue, in ms. */
  readonly hopMs: number;
  readonly seed: number;
}

export interface CapabilityModel {
  readonly batchSize: number;
  readonly maxConcurrency: number;
  /** Of one step, in ms; up to a fifth more or less, by chance. */
  readonly workMs: number;
  /** Of a call of a model; 0 for a step that calls none. */
  readonly tokens: number;
}

export interface BurstResult {
  /** When the last job was taken, and when the last had ended, in seconds. */
  readonly acceptedS: number;
  readonly drainedS: number;
  /** What held work up, and for which share of the time. */
  readonly limits: readonly { readonly what: string; readonly share: number }[];
  /** Jobs that had ended by then. */
  readonly curve: readonly { readonly s: number; readonly ended: number }[];
}

const TICK_MS = 100;
/** docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html */
const POLLERS_AT_FIRST = 5;
const POLLERS_MORE_A_MINUTE = 300;
const POLLERS_AT_MOST = 1_250;
/** docs.aws.amazon.com/lambda/latest/dg/scaling-behavior.html: 1,000 environments each 10 s, for each function. */
const ENVIRONMENTS_A_SECOND = 100;
const ENVIRONMENTS_AT_ONCE = 1_000;
const INVOCATION_MS = 60;
const CURVE_POINTS = 120;
const MAX_TICKS = 2_000_000;

/** Runs the burst tick by tick. The same model gives the same result. */
export function simulateBurst(model: BurstModel): BurstResult {
  return new Burst(model).run();
}

interface Worker {
  readonly model: CapabilityModel;
  readonly name: string;
  /** Steps that wait, by their number in the job, the oldest first. */
  readonly waiting: { step: number; count: number }[];
  waitingCount: number;
  pollers: number;
  running: number;
  environments: number;
  newEnvironments: Bucket;
}

/** Fills up steadily to its size. */
class Bucket {
  level: number;
  readonly #size: number;
  readonly #perTick: number;

  constructor(size: number, perSecond: number) {
    this.level = size;
    this.#size = size;
    this.#perTick = (perSecond * TICK_MS) / 1_000;
  }

  fill(): void {
    this.level = Math.min(this.#size, this.level + this.#perTick);
  }
}

class Burst {
  readonly #model: BurstModel;
  readonly #workers: ReadonlyMap<string, Worker>;
  readonly #random: () => number;
  readonly #submits: Bucket;
  readonly #requests: Bucket | undefined;
  readonly #tokens: Bucket | undefined;
  /** What happens in a tick: messages that come into their queues, invocations that end. */
  readonly #agenda = new Map<number, (() => void)[]>();
  readonly #heldUp = new Map<string, { readonly ticks: number; readonly last: number }>();
  readonly #endedByTick: number[] = [];
  #tick = 0;
  #unsent: number;
  #ended = 0;
  #running = 0;

  constructor(model: BurstModel) {
    const { provider } = model;
    this.#model = model;
    this.#random = seededRandom(model.seed);
    this.#unsent = model.jobs;
    this.#submits = new Bucket(model.throttle.burst, model.throttle.rate);
    this.#requests = provider && new Bucket(provider.requestsPerMinute, provider.requestsPerMinute / 60);
    this.#tokens = provider && new Bucket(provider.tokensPerMinute, provider.tokensPerMinute / 60);
    this.#workers = new Map(
      Object.entries(model.capabilities).map(([name, capability]) => [
        name,
        {
          model: capability,
          name,
          waiting: [],
          waitingCount: 0,
          pollers: POLLERS_AT_FIRST,
          running: 0,
          environments: 0,
          newEnvironments: new Bucket(ENVIRONMENTS_AT_ONCE, ENVIRONMENTS_A_SECOND),
        },
      ]),
    );
  }

  run(): BurstResult {
    let acceptedTick = 0;
    for (; this.#ended < this.#model.jobs; this.#tick++) {
      if (this.#tick > MAX_TICKS) throw new RangeError("this burst does not drain: something is limited to nothing");
      for (const happen of this.#agenda.get(this.#tick) ?? []) happen();
      this.#agenda.delete(this.#tick);
      this.#fill();
      if (this.#unsent > 0) acceptedTick = this.#tick;
      this.#submit();
      this.#start();
      this.#endedByTick.push(this.#ended);
    }
    const seconds = (ticks: number): number => (ticks * TICK_MS) / 1_000;
    const limits = [...this.#heldUp]
      .map(([what, { ticks }]) => ({ what, share: ticks / this.#tick }))
      .sort((a, b) => b.share - a.share);
    return { acceptedS: seconds(acceptedTick), drainedS: seconds(this.#tick), limits, curve: this.#curve(seconds) };
  }

  #fill(): void {
    this.#submits.fill();
    this.#requests?.fill();
    this.#tokens?.fill();
    for (const worker of this.#workers.values()) worker.newEnvironments.fill();
  }

  #submit(): void {
    const sent = Math.min(this.#unsent, Math.floor(this.#submits.level));
    this.#submits.level -= sent;
    this.#unsent -= sent;
    if (sent > 0) this.#request(0, sent);
    if (this.#unsent > 0) this.#note("the API's throttle");
  }

  /** Puts messages for a step into its queue, a hop later; after the last step, jobs have ended. */
  #request(step: number, count: number): void {
    const name = this.#model.steps[step];
    if (name === undefined) {
      this.#ended += count;
      return;
    }
    const worker = this.#workers.get(name);
    if (worker === undefined) throw new RangeError(`step ${step} is of capability ${name}, which is not described`);
    this.#after(this.#model.hopMs, () => {
      const youngest = worker.waiting.at(-1);
      if (youngest?.step === step) youngest.count += count;
      else worker.waiting.push({ step, count });
      worker.waitingCount += count;
    });
  }

  #start(): void {
    const workers = [...this.#workers.values()];
    // What the account has left is not always the same function's first.
    const first = Math.floor(this.#random() * workers.length);
    for (let n = 0; n < workers.length; n++) {
      const worker = workers[(first + n) % workers.length];
      if (worker === undefined || worker.waitingCount === 0) continue;
      while (worker.waitingCount > 0) {
        const limit = this.#limitOf(worker);
        if (limit !== undefined) {
          this.#note(limit);
          break;
        }
        this.#invoke(worker);
      }
      if (worker.waitingCount > 0) {
        const more = (POLLERS_MORE_A_MINUTE * TICK_MS) / 60_000;
        worker.pollers = Math.min(worker.pollers + more, worker.model.maxConcurrency, POLLERS_AT_MOST);
      }
    }
  }

  /** What keeps this worker from one more invocation, if something does. */
  #limitOf({ name, model, running, pollers, environments, newEnvironments }: Worker): string | undefined {
    if (running >= Math.min(model.maxConcurrency, POLLERS_AT_MOST)) return `${name}: its maximum concurrency`;
    if (running >= Math.floor(pollers)) return `${name}: pollers that become more by 300 a minute`;
    if (this.#running >= this.#model.accountConcurrency) return "the account's concurrency";
    if (running >= environments && newEnvironments.level < 1) return `${name}: new environments, 1,000 each 10 s`;
    if (model.tokens === 0) return undefined;
    if (this.#requests && this.#requests.level < 1) return "the provider's requests a minute";
    if (this.#tokens && this.#tokens.level < model.tokens) return "the provider's tokens a minute";
    return undefined;
  }

  #invoke(worker: Worker): void {
    const { batchSize, tokens, workMs } = worker.model;
    let size = Math.min(batchSize, worker.waitingCount);
    if (tokens > 0 && this.#requests && this.#tokens) {
      size = Math.min(size, Math.floor(this.#requests.level), Math.floor(this.#tokens.level / tokens));
      this.#requests.level -= size;
      this.#tokens.level -= size * tokens;
    }
    const batch = take(worker, size);
    let longestMs = 0;
    for (let n = 0; n < size; n++) longestMs = Math.max(longestMs, workMs * (0.8 + 0.4 * this.#random()));
    if (worker.running >= worker.environments) {
      worker.environments += 1;
      worker.newEnvironments.level -= 1;
    }
    worker.running += 1;
    this.#running += 1;
    this.#after(longestMs + INVOCATION_MS, () => {
      worker.running -= 1;
      this.#running -= 1;
      for (const { step, count } of batch) this.#request(step + 1, count);
    });
  }

  #after(ms: number, happen: () => void): void {
    const tick = this.#tick + Math.max(1, Math.round(ms / TICK_MS));
    const agenda = this.#agenda.get(tick);
    if (agenda) agenda.push(happen);
    else this.#agenda.set(tick, [happen]);
  }

  /** Once a tick, however many it holds up. */
  #note(limit: string): void {
    const held = this.#heldUp.get(limit) ?? { ticks: 0, last: -1 };
    if (held.last !== this.#tick) this.#heldUp.set(limit, { ticks: held.ticks + 1, last: this.#tick });
  }

  #curve(seconds: (ticks: number) => number): BurstResult["curve"] {
    const last = this.#endedByTick.length - 1;
    return Array.from({ length: CURVE_POINTS + 1 }, (_, n) => {
      const tick = Math.round((n * last) / CURVE_POINTS);
      return { s: seconds(tick), ended: this.#endedByTick[tick] ?? 0 };
    });
  }
}

function take(worker: Worker, size: number): { step: number; count: number }[] {
  const taken: { step: number; count: number }[] = [];
  worker.waitingCount -= size;
  for (let left = size; left > 0; ) {
    const [oldest] = worker.waiting;
    if (oldest === undefined) throw new Error("unreachable: more was taken than waits");
    const count = Math.min(left, oldest.count);
    taken.push({ step: oldest.step, count });
    oldest.count -= count;
    left -= count;
    if (oldest.count === 0) worker.waiting.shift();
  }
  return taken;
}
