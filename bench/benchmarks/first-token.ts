import { request } from "node:http";
import { sharedNow } from "../channels/channel.ts";
import { eventStream } from "../channels/event-stream.ts";
import { start, stop } from "../children.ts";
import { median, percentile, type Report } from "../report.ts";
import { Sluice } from "../sluice.ts";
import type { StreamOptions } from "../stream/model-server.ts";

const MODEL: StreamOptions = { firstMs: 200, everyMs: 20, tokens: 50 };
const PROGRESS = "step.progress";

/** How long until the first word is there: straight from a model server, and from a job that calls it. */
export async function firstToken(quick: boolean): Promise<Report> {
  const tries = quick ? 10 : 40;
  const model = await start("stream/model-server.ts", MODEL);
  try {
    return await Sluice.with({ app: { streamFrom: model.url }, synchronous: "FULL" }, async (sluice) => {
      for (let n = 0; n < 5; n++) await throughSluice(sluice);
      const straight: number[] = [];
      const through: Through[] = [];
      for (let n = 0; n < tries; n++) {
        straight.push(await fromModel(model.url));
        through.push(await throughSluice(sluice));
      }
      return reportOf(straight, through);
    });
  } finally {
    await stop(model.child);
  }
}

interface Through {
  /** From the call that submits to the first text in the hands of a reader. */
  readonly firstMs: number;
  /** Between one record of text and the next, in the hands of the reader: text waits for as long at most. */
  readonly gapsMs: readonly number[];
}

function fromModel(url: string): Promise<number> {
  const startedMs = sharedNow();
  return new Promise((resolve, reject) => {
    const call = request(`${url}/v1/chat/completions`, { method: "POST", agent: false }, (response) => {
      response.once("data", () => resolve(sharedNow() - startedMs));
      response.resume();
    });
    call.on("error", reject);
    call.end("{}");
  });
}

async function throughSluice(sluice: Sluice): Promise<Through> {
  const startedMs = sharedNow();
  const { id } = await sluice.submit("ask", { text: "Say something." });
  const at: number[] = [];
  const ended = Promise.withResolvers<void>();
  const reader = await eventStream.follow(sluice.url, id, (_, type) => {
    if (type === PROGRESS) at.push(sharedNow());
    if (type.startsWith("job.") && type !== "job.submitted") ended.resolve();
  });
  await ended.promise;
  reader.close();
  const [first = Number.NaN] = at;
  return { firstMs: first - startedMs, gapsMs: at.slice(1).map((ms, n) => ms - (at[n] ?? 0)) };
}

function reportOf(straight: readonly number[], through: readonly Through[]): Report {
  const first = through.map(({ firstMs }) => firstMs);
  const gaps = through.flatMap(({ gapsMs }) => gapsMs);
  const later = median(first) - median(straight);
  return {
    tables: [
      {
        title: `First token: a model that takes ${MODEL.firstMs} ms for it, and then ${MODEL.everyMs} ms for each`,
        columns: ["", "calls", "p50 ms", "p95 ms"],
        rows: [
          ["straight from the model server", straight.length, median(straight), percentile(straight, 0.95)],
          ["submitted, and read as server-sent events", first.length, median(first), percentile(first, 0.95)],
          ["between one record of text and the next", gaps.length, median(gaps), percentile(gaps, 0.95)],
        ],
      },
    ],
    checks: [
      { what: "first token through Sluice, later by, p50", got: later, unit: "ms", target: { atMost: 150 } },
      {
        what: "text waits for its record and its reader, p95",
        got: percentile(gaps, 0.95),
        unit: "ms",
        target: { atMost: 300 },
      },
    ],
    data: { straight, through },
  };
}
