import { setTimeout as pause } from "node:timers/promises";
import { askAsBefore } from "../../tools/examples/old-client.ts";
import { EXPRESS, Stand, type StandOptions, type Step } from "../../tools/examples/stand.ts";
import { askAndFollow, type NewAnswer } from "../migration/new-client.ts";
import { percent, percentile, type Report, type Table } from "../report.ts";

const USERS = 50;
/** The first included: what client libraries do by themselves, and users by hand. */
const ATTEMPTS = 4;
const CALLS_PER_REQUEST = 2;
const FULL = { answerMs: 5_000, limitMs: 10_000, waitS: 9, pauseMs: 2_000, killAfterMs: 6_000 };
/** The same, four times as fast. */
const QUICK = { answerMs: 1_250, limitMs: 2_500, waitS: 2, pauseMs: 500, killAfterMs: 1_500 };

type Scale = StandOptions & { readonly pauseMs: number; readonly killAfterMs: number };

const NAMES: Readonly<Record<Step, string>> = { 0: "0 synchronous", 1: "1 wait", 2: "2 stream" };

interface Row {
  readonly step: Step;
  readonly killed: boolean;
  /** At the first attempt. */
  readonly answered: number;
  readonly answeredInTheEnd: number;
  readonly firstByteMs: readonly number[];
  readonly firstWordsMs: readonly number[];
  readonly resultMs: readonly number[];
  readonly statuses: Readonly<Record<string, number>>;
  readonly peak: number;
  readonly modelCalls: number;
}

interface Answer extends Omit<NewAnswer, "firstWordsMs"> {
  readonly answered: boolean;
  readonly firstWordsMs?: number | undefined;
}

/** `examples/express` in each of its steps, for the same users with the same questions; undisturbed, and killed in the middle. */
export async function migration(quick: boolean): Promise<Report> {
  const scale = quick ? QUICK : FULL;
  const rows: Row[] = [];
  for (const killed of [false, true]) {
    for (const step of [0, 1, 2] as const) rows.push(await measure(step, killed, scale));
  }
  return { tables: [table(rows, scale)], checks: rows.flatMap(checksOf), data: { scale, users: USERS, rows } };
}

async function measure(step: Step, killed: boolean, scale: Scale): Promise<Row> {
  await using stand = await Stand.start(EXPRESS, step, scale);
  const users = Array.from({ length: USERS }, (_, user) => ask(stand, step, user, scale));
  if (killed) {
    await pause(scale.killAfterMs);
    await stand.killAndRestart();
  }
  const answers = await Promise.all(users);
  const done = answers.filter(({ answered }) => answered);
  // What a handler still works on after its gateway has given up is asked of the model all the same.
  if (step === 0) await pause(3 * scale.answerMs);
  const { peak, answers: statuses } = await stand.gatewayCounts();
  return {
    step,
    killed,
    answered: done.filter((answer) => answer.statuses.length === 1).length,
    answeredInTheEnd: done.length,
    firstByteMs: done.map(({ firstByteMs }) => firstByteMs),
    firstWordsMs: done.flatMap(({ firstWordsMs }) => firstWordsMs ?? []),
    resultMs: done.map(({ ms }) => ms),
    statuses,
    peak,
    modelCalls: (await stand.modelCalls()).length,
  };
}

async function ask(stand: Stand, step: Step, user: number, { pauseMs }: Scale): Promise<Answer> {
  const question = `How long do I have for returns of ${user} bags, and what is ${user} * 12?`;
  const key = `user-${user}`;
  if (step === 2) return { ...(await askAndFollow(stand.url, question, key, pauseMs)), answered: true };
  const answer = await askAsBefore(stand.url, question, { attempts: ATTEMPTS, pauseMs, idempotencyKey: key });
  return { ...answer, answered: answer.statuses.at(-1) === 200 };
}

const checksOf = ({ step, killed, answeredInTheEnd, modelCalls }: Row) =>
  step === 0
    ? []
    : [
        {
          what: `migration, step ${NAMES[step]}${killed ? ", killed" : ""}: answered in the end`,
          got: (100 * answeredInTheEnd) / USERS,
          unit: "%",
          target: { atLeast: 100 },
        },
        // A call that runs when its process is killed is made again, but never more than that.
        {
          what: `migration, step ${NAMES[step]}${killed ? ", killed" : ""}: model calls a request`,
          got: modelCalls / USERS,
          unit: "",
          target: { atMost: CALLS_PER_REQUEST + (killed ? 1 : 0) },
        },
      ];

const seconds = (values: readonly number[], share: number): string =>
  values.length === 0 ? "–" : (percentile(values, share) / 1_000).toFixed(2);

const table = (rows: readonly Row[], { answerMs, limitMs, waitS }: Scale): Table => ({
  title: `From a synchronous route, ${USERS} users at once: two model calls of ${answerMs / 1_000} s ± 20 % each, a gateway with a limit of ${limitMs / 1_000} s, wait=${waitS}`,
  columns: [
    "step",
    "killed -9",
    "first try",
    "in the end",
    "first byte p50 s",
    "p95 s",
    "first words p50 s",
    "result p50 s",
    "p95 s",
    "504",
    "503",
    "502",
    "connections held",
    "model calls a request",
  ],
  rows: rows.map(({ step, killed, statuses, ...row }) => [
    NAMES[step],
    killed ? "yes" : "no",
    percent(row.answered, USERS),
    percent(row.answeredInTheEnd, USERS),
    seconds(row.firstByteMs, 0.5),
    seconds(row.firstByteMs, 0.95),
    seconds(step === 2 ? row.firstWordsMs : row.resultMs, 0.5),
    seconds(row.resultMs, 0.5),
    seconds(row.resultMs, 0.95),
    ...[504, 503, 502].map((status) => statuses[status] ?? 0),
    row.peak,
    (row.modelCalls / USERS).toFixed(2),
  ]),
});
