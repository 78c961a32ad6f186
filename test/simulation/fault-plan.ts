import type { Dice } from "./dice.ts";

/**
 * `gentle`: nothing goes wrong that the jobs' own way could not deal with. There the reconciler must have nothing to make
 * good, no call may be in doubt, and no queue may set a message aside. `outage`: writes fail, but nobody dies, so no call
 * may be in doubt.
 */
export type Weather = "gentle" | "outage" | "rough";

/** How likely each thing is that can go wrong, at each opportunity. */
export interface FaultPlan {
  readonly weather: Weather;
  /** What the schedule is about. */
  readonly about: string;
  /** Which calls of ports can fail, by the words that describe them. */
  readonly hits: (call: string) => boolean;
  /** How far a clock may be from the true time, in ms. */
  readonly skewMs: number;
  /** A process dies when a call of a port is on its way, or when its answer is. */
  readonly crash: number;
  /** A call fails and has done nothing. */
  readonly refuse: number;
  /** A call fails and has done its work. */
  readonly loseAnswer: number;
  /** A call fails, and does its work later. */
  readonly late: number;
  /** A call takes up to this long, in ms. */
  readonly slow: number;
  readonly slowMs: number;
  readonly loseMessage: number;
  readonly doubleMessage: number;
  readonly delayMessage: number;
  /** A message shows itself again before its visibility timeout ends. */
  readonly earlyVisibility: number;
  /** What a capability's `run` does besides returning soon. */
  readonly provider: ProviderPlan;
  readonly outages: readonly Outage[];
}

/** For a while a provider answers nobody. Times are in ms since the schedule's beginning. */
export interface Outage {
  readonly provider: string;
  readonly fromMs: number;
  readonly untilMs: number;
  /** It says when to come again, which may be before its end; otherwise it says that it is down. */
  readonly retryAfterMs: number | undefined;
}

export interface ProviderPlan {
  readonly fail: number;
  readonly refuse: number;
  readonly busy: number;
  /** Answers late, but before its timeout. */
  readonly slow: number;
  /** Never answers. */
  readonly stuck: number;
  /** Its process dies in the middle of the call. */
  readonly kill: number;
  /** Each time that this step is called, its process dies. */
  readonly poison: number;
  /** Returns what its output schema forbids. */
  readonly wrong: number;
}

const NO_PROVIDER_FAULTS: ProviderPlan = {
  fail: 0,
  refuse: 0,
  busy: 0,
  slow: 0,
  stuck: 0,
  kill: 0,
  poison: 0,
  wrong: 0,
};

/** How far the clock of a function may be from the true time, in ms. */
export const MAX_SKEW_MS = 10_000;

export const NO_FAULTS: FaultPlan = {
  weather: "gentle",
  about: "nothing goes wrong",
  hits: () => true,
  skewMs: MAX_SKEW_MS,
  crash: 0,
  refuse: 0,
  loseAnswer: 0,
  late: 0,
  slow: 0,
  slowMs: 0,
  loseMessage: 0,
  doubleMessage: 0,
  delayMessage: 0,
  earlyVisibility: 0,
  provider: NO_PROVIDER_FAULTS,
  outages: [],
};

/** Of all schedules. */
const GENTLE_SHARE = 0.2;
const GENTLE: readonly FaultPlan[] = [
  NO_FAULTS,
  {
    ...NO_FAULTS,
    about: "appends whose answer is lost (rule 1)",
    hits: (call) => call.startsWith("log.append"),
    loseAnswer: 0.3,
  },
  {
    ...NO_FAULTS,
    about: "publishes that fail (rule 12)",
    // The message that caused it comes again; nobody submits again who was told that his job is accepted.
    hits: (call) => call.startsWith("topics.publish") && !/\.requested \S+ @/.test(call),
    refuse: 0.12,
    // For how long a job has been at rest is told by a clock.
    skewMs: 0,
  },
  {
    ...NO_FAULTS,
    weather: "outage",
    about: "writes that are refused, so that what a call came to is recorded late",
    hits: (call) => call.startsWith("log.append") || call.startsWith("blobs.put"),
    refuse: 0.2,
  },
  {
    ...NO_FAULTS,
    about: "a provider that asks to wait (rule 15)",
    provider: { ...NO_PROVIDER_FAULTS, busy: 0.75 },
  },
];

/** Nobody dies, and everybody is late: here leases end under those who still work. */
const LATE_SHARE = 0.12;
const LATE: FaultPlan = {
  ...NO_FAULTS,
  weather: "rough",
  about: "calls that take longer than leases",
  skewMs: 1_000,
  slow: 0.2,
  slowMs: 40_000,
  doubleMessage: 0.2,
  earlyVisibility: 0.3,
  provider: { ...NO_PROVIDER_FAULTS, fail: 0.1, slow: 0.3, stuck: 0.05 },
};

/**
 * Draws what may go wrong in one schedule. Each kind of fault is left out of many schedules: where everything goes wrong
 * at once, little gets far enough to go wrong in an interesting way.
 *
 * @param durable messages are as durable as their commits: none is lost, and what is written answers
 */
export function drawFaults(dice: Dice, durable: boolean): FaultPlan {
  if (dice.chance(GENTLE_SHARE)) return dice.pick(GENTLE.filter(({ loseAnswer }) => !durable || loseAnswer === 0));
  if (dice.chance(LATE_SHARE)) return LATE;
  const maybe = (least: number, most: number): number => (dice.chance(0.5) ? dice.share(least, most) : 0);
  return {
    ...NO_FAULTS,
    weather: "rough",
    about: "all kinds of faults",
    skewMs: dice.chance(0.5) ? MAX_SKEW_MS : 1_000,
    crash: maybe(0.003, 0.06),
    refuse: maybe(0.003, 0.08),
    loseAnswer: maybe(0.003, 0.12),
    late: maybe(0.002, 0.03),
    slow: maybe(0.003, 0.1),
    slowMs: dice.ms(1_000, 60_000),
    loseMessage: durable ? 0 : maybe(0.01, 0.3),
    doubleMessage: maybe(0.01, 0.3),
    delayMessage: maybe(0.01, 0.2),
    earlyVisibility: maybe(0.01, 0.3),
    provider: {
      fail: maybe(0.02, 0.4),
      refuse: maybe(0.01, 0.1),
      busy: maybe(0.02, 0.4),
      slow: maybe(0.02, 0.3),
      stuck: maybe(0.01, 0.15),
      kill: maybe(0.01, 0.2),
      poison: maybe(0.01, 0.1),
      wrong: maybe(0.01, 0.1),
    },
  };
}

/** Draws when providers are down. All are well again before faults stop, or then. */
export function drawOutages(dice: Dice, providers: readonly string[]): readonly Outage[] {
  return providers
    .filter(() => dice.chance(0.5))
    .map((provider) => {
      const fromMs = dice.ms(10, 60_000);
      const retryAfterMs = dice.chance(0.5) ? dice.ms(500, 60_000) : undefined;
      return { provider, fromMs, untilMs: fromMs + dice.ms(5_000, 300_000), retryAfterMs };
    });
}
