import { burst } from "../burst.ts";
import { start, stop } from "../children.ts";
import { ANSWER_MS, AT_ONCE, GATEWAY_TIMEOUT_MS, WARM_UP } from "../claim/limits.ts";
import { percent, percentile, type Report, type Table } from "../report.ts";
import { acceptedId, Sluice } from "../sluice.ts";

const INPUT = { query: "Is it worth it?" };
const JOBS = "/v1/jobs";
/** Before the clock starts: servers in use are warm, and so is the load generator. */
const WARM_UP_ROUNDS = 10;
const WARM_UP_USERS = 50;

interface Plain {
  readonly users: number;
  readonly answered: number;
  readonly gatewayTimeouts: number;
  readonly lastAnswerMs: number;
}

interface Durable {
  readonly users: number;
  readonly accepted: number;
  readonly acceptP50Ms: number;
  readonly acceptP95Ms: number;
  readonly finished: number;
  readonly allFinishedMs: number;
}

/** The claim itself: the same analysis behind a gateway, and as a job; so many users at once, each asking once. */
export async function claim(quick: boolean): Promise<Report> {
  const plain: Plain[] = [];
  const durable: Durable[] = [];
  for (const users of quick ? [5, 50, 200] : [5, 50, 200, 1_000]) {
    plain.push(await withModel((modelUrl) => behindGateway(modelUrl, users)));
    durable.push(await withModel((modelUrl) => asJobs(modelUrl, users)));
  }
  return {
    tables: [table(plain, durable)],
    checks: durable.flatMap(({ users, accepted, finished, acceptP95Ms }) => [
      { what: `claim, ${users} users: accepted`, got: (100 * accepted) / users, unit: "%", target: { atLeast: 100 } },
      { what: `claim, ${users} users: finished`, got: (100 * finished) / users, unit: "%", target: { atLeast: 100 } },
      ...(users === 200
        ? [{ what: "claim, 200 users: 202 p95", got: acceptP95Ms, unit: "ms", target: { atMost: 50 } }]
        : []),
    ]),
    data: { plain, durable },
  };
}

async function withModel<T>(use: (modelUrl: string) => Promise<T>): Promise<T> {
  const model = await start("claim/model-server.ts", {});
  try {
    return await use(model.url);
  } finally {
    await stop(model.child);
  }
}

async function behindGateway(modelUrl: string, users: number): Promise<Plain> {
  const handler = await start("claim/plain-handler.ts", { modelUrl });
  const gateway = await start("claim/gateway.ts", { upstream: handler.url, timeoutMs: GATEWAY_TIMEOUT_MS });
  try {
    for (let round = 0; round < WARM_UP_ROUNDS; round++) {
      await burst(gateway.url, "/", { query: WARM_UP }, WARM_UP_USERS);
    }
    const { answers } = await burst(gateway.url, "/", INPUT, users);
    return {
      users,
      answered: answers.filter(({ status }) => status === 200).length,
      gatewayTimeouts: answers.filter(({ status }) => status === 504).length,
      lastAnswerMs: Math.max(...answers.map(({ ms }) => ms)),
    };
  } finally {
    await stop(gateway.child);
    await stop(handler.child);
  }
}

function asJobs(modelUrl: string, users: number): Promise<Durable> {
  return Sluice.with({ app: { modelUrl }, synchronous: "FULL" }, async (sluice) => {
    for (let round = 0; round < WARM_UP_ROUNDS; round++) {
      const { answers } = await burst(
        sluice.url,
        JOBS,
        { workflow: "two-calls", input: { query: WARM_UP } },
        WARM_UP_USERS,
      );
      await Promise.all(answers.flatMap((answer) => acceptedId(answer) ?? []).map((id) => sluice.ended(id)));
    }
    const { startedMs, answers } = await burst(sluice.url, JOBS, { workflow: "two-calls", input: INPUT }, users);
    const ids = answers.flatMap((answer) => acceptedId(answer) ?? []);
    const ends = await Promise.all(ids.map((id) => sluice.ended(id)));
    const accepted = answers.filter(({ status }) => status === 202).map(({ ms }) => ms);
    return {
      users,
      accepted: accepted.length,
      acceptP50Ms: percentile(accepted, 0.5),
      acceptP95Ms: percentile(accepted, 0.95),
      finished: await completed(sluice, ids),
      allFinishedMs: Math.max(...ends.map(({ atMs }) => atMs)) - startedMs,
    };
  });
}

/** Asks the API, as a user would, whether the answers are there. */
async function completed(sluice: Sluice, ids: readonly string[]): Promise<number> {
  let count = 0;
  for (const id of ids) {
    const { body } = await sluice.client.get(`/v1/jobs/${id}`);
    const job = JSON.parse(body) as { status: string; result?: { answer: string } };
    if (job.status === "completed" && job.result !== undefined && job.result.answer !== "") count += 1;
  }
  return count;
}

const table = (plain: readonly Plain[], durable: readonly Durable[]): Table => ({
  title: `The claim: two model calls a request, ${ANSWER_MS / 1_000} s an answer, ${AT_ONCE} at once`,
  columns: [
    "users at once",
    "plain: answered",
    "plain: 504",
    "plain: last answer s",
    "Sluice: accepted",
    "202 p50 ms",
    "202 p95 ms",
    "Sluice: finished",
    "Sluice: all finished s",
    "ideal s",
  ],
  rows: durable.map((job, at) => {
    const http = plain[at] as Plain;
    return [
      String(job.users),
      percent(http.answered, job.users),
      http.gatewayTimeouts,
      http.lastAnswerMs / 1_000,
      percent(job.accepted, job.users),
      job.acceptP50Ms,
      job.acceptP95Ms,
      percent(job.finished, job.users),
      job.allFinishedMs / 1_000,
      idealMs(job.users) / 1_000,
    ];
  }),
});

/** The model's own time: it can do no better than answer so many at once. */
const idealMs = (users: number): number => Math.max(2, Math.ceil((2 * users) / AT_ONCE)) * ANSWER_MS;
