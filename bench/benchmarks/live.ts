import type { StepTimes } from "../bench-app.ts";
import { type Channel, type Reader, sharedNow } from "../channels/channel.ts";
import { eventStream } from "../channels/event-stream.ts";
import { webSocket } from "../channels/web-socket.ts";
import { needConnections } from "../open-files.ts";
import { type Check, percentile, type Report } from "../report.ts";
import { Sluice } from "../sluice.ts";

const CHANNELS: readonly Channel[] = [eventStream, webSocket];
/** About 16 s a job: readers come and go at the rate at which jobs do. */
const SLOW: StepTimes = { retrieveMs: 2_000, completeMs: 8_000, toolMs: 4_000, composeMs: 2_000 };
/** Its first step is long enough for all to connect. */
const QUICK: StepTimes = { retrieveMs: 1_500, completeMs: 200, toolMs: 100, composeMs: 20 };
/** In which jobs with a reader each begin. */
const START_MS = 14_000;
const INPUT = { text: "go" };
/** Events of its own job that each reader gets after it is connected. */
const END = "job.completed";

interface Latency {
  readonly channel: string;
  readonly what: string;
  readonly readers: number;
  readonly events: number;
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly maxMs: number;
}

/** From a commit that is durable to its event in the hands of a reader in another process. */
export async function live(quick: boolean): Promise<Report> {
  const [own, shared] = quick ? [100, 3] : [500, 10];
  needConnections(CHANNELS.length * own);
  const each = await ownJobs(own);
  const rows = [...each];
  for (const channel of CHANNELS) rows.push(await oneJob(channel, 200, shared));
  return {
    tables: [
      {
        title: "Live: from commit to reader",
        columns: ["channel", "they follow", "readers", "events", "p50 ms", "p95 ms", "max ms"],
        rows: rows.map((row) => [row.channel, row.what, row.readers, row.events, row.p50Ms, row.p95Ms, row.maxMs]),
      },
    ],
    checks: each.flatMap(checksOf),
    data: { rows },
  };
}

/** As many readers of each channel, all at once, as there are jobs: those begin one after the other, so that all are under way at once. */
function ownJobs(readers: number): Promise<Latency[]> {
  const server = { app: { steps: SLOW }, synchronous: "FULL", recordCommits: true } as const;
  return Sluice.with(server, async (sluice) => {
    const watches = CHANNELS.map((channel) => new Watch(channel, sluice.url));
    const apartMs = START_MS / readers;
    const done: Promise<void>[] = [];
    for (let n = 0; n < readers; n++) {
      for (const watch of watches) done.push(sluice.submit("chain", INPUT).then(({ id }) => watch.follow(id)));
      await new Promise((resolve) => setTimeout(resolve, apartMs));
    }
    await Promise.all(done);
    const commits = await sluice.commits();
    return watches.map((watch) => ({ what: "a job of its own each", readers, ...watch.latencies(commits) }));
  });
}

/** All read the same job, one job after the other. */
function oneJob(channel: Channel, readers: number, jobs: number): Promise<Latency> {
  const server = { app: { steps: QUICK }, synchronous: "FULL", recordCommits: true } as const;
  return Sluice.with(server, async (sluice) => {
    const watch = new Watch(channel, sluice.url);
    for (let n = 0; n < jobs; n++) {
      const { id } = await sluice.submit("chain", INPUT);
      await Promise.all(Array.from({ length: readers }, () => watch.follow(id)));
    }
    return { what: "all the same job", readers, ...watch.latencies(await sluice.commits()) };
  });
}

/** When each reader had each event of its job. */
class Watch {
  readonly #channel: Channel;
  readonly #url: string;
  readonly #got: { readonly jobId: string; readonly fromMs: number; readonly at: Map<number, number> }[] = [];

  constructor(channel: Channel, url: string) {
    this.#channel = channel;
    this.#url = url;
  }

  /** Resolves when the reader has the last event. */
  async follow(jobId: string): Promise<void> {
    const at = new Map<number, number>();
    const ended = Promise.withResolvers<void>();
    const reader: Reader = await this.#channel.follow(this.#url, jobId, (seq, type) => {
      at.set(seq, sharedNow());
      if (type === END) ended.resolve();
    });
    this.#got.push({ jobId, fromMs: sharedNow(), at });
    await ended.promise;
    reader.close();
  }

  /** Of commits since a reader was connected: what was there before, it did not wait for. */
  latencies(commits: readonly (readonly [jobId: string, seq: number, atMs: number])[]) {
    const times = this.#got.flatMap(({ jobId, fromMs, at }) =>
      commits
        .filter(([job, , atMs]) => job === jobId && atMs > fromMs)
        .map(([, seq, atMs]) => (at.get(seq) ?? Number.NaN) - atMs),
    );
    return {
      channel: this.#channel.name,
      events: times.length,
      p50Ms: percentile(times, 0.5),
      p95Ms: percentile(times, 0.95),
      maxMs: Math.max(...times),
    };
  }
}

const checksOf = ({ channel, readers, p50Ms, p95Ms }: Latency): Check[] => [
  { what: `${channel}: ${readers} readers, commit to reader, p50`, got: p50Ms, unit: "ms", target: { atMost: 10 } },
  { what: `${channel}: ${readers} readers, commit to reader, p95`, got: p95Ms, unit: "ms", target: { atMost: 50 } },
];
