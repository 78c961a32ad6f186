import { NO_WORK } from "../bench-app.ts";
import type { Channel, Reader } from "../channels/channel.ts";
import { eventStream } from "../channels/event-stream.ts";
import { webSocket } from "../channels/web-socket.ts";
import { needConnections } from "../open-files.ts";
import { type Check, type Report, round } from "../report.ts";
import { Sluice } from "../sluice.ts";

const CONNECTIONS = 2_000;
/** Few, so that the server has no memory left over from their submissions, in which readers would find room. */
const JOBS = 20;
/** Long enough for a heartbeat of each kind, which come every 15 and 30 s. */
const IDLE_MS = 35_000;
const QUICK_IDLE_MS = 3_000;

interface Idle {
  readonly what: string;
  readonly connections: number;
  readonly beforeMb: number;
  /** While they were open, with whatever garbage they have made. */
  readonly highestMb: number;
}

/** How much more memory the server's process has resident for those who follow jobs in which nothing happens. */
export async function idle(quick: boolean): Promise<Report> {
  needConnections(CONNECTIONS);
  const idleMs = quick ? QUICK_IDLE_MS : IDLE_MS;
  const rows: Idle[] = [];
  for (const channels of [[eventStream], [webSocket], [eventStream, webSocket]]) {
    rows.push(await connected(channels, idleMs));
  }
  return {
    tables: [
      {
        title: `Idle: resident memory of the server with ${CONNECTIONS} connections on which nothing happens`,
        columns: ["", "connections", "before MB", "with them MB", "more MB", "KB each"],
        rows: rows.map((row) => [
          row.what,
          row.connections,
          row.beforeMb,
          row.highestMb,
          row.highestMb - row.beforeMb,
          ((row.highestMb - row.beforeMb) * 1_024) / row.connections,
        ]),
      },
    ],
    checks: rows.map(checkOf),
    data: { rows },
  };
}

/** As many of each channel. */
function connected(channels: readonly Channel[], idleMs: number): Promise<Idle> {
  return Sluice.with({ app: { steps: NO_WORK }, synchronous: "NORMAL" }, async (sluice) => {
    const jobs: string[] = [];
    while (jobs.length < JOBS) jobs.push((await sluice.submit("nap", { ms: 3_600_000 })).id);
    const beforeMb = sluice.memory().nowMb;
    const readers: Reader[] = [];
    while (readers.length < CONNECTIONS) {
      const opening = jobs.flatMap((id) => channels.map((channel) => channel.follow(sluice.url, id, () => {})));
      readers.push(...(await Promise.all(opening)));
    }
    let highestMb = 0;
    for (const endMs = performance.now() + idleMs; performance.now() < endMs; ) {
      highestMb = Math.max(highestMb, sluice.memory().nowMb);
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
    for (const reader of readers) reader.close();
    const what = channels.map(({ name }) => name).join(" and ");
    return { what, connections: readers.length, beforeMb, highestMb };
  });
}

const checkOf = ({ what, connections, beforeMb, highestMb }: Idle): Check => ({
  what: `${connections} idle connections, ${what}`,
  got: round(highestMb - beforeMb),
  unit: "MB",
  target: { atMost: 200 },
});
