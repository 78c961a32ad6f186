import type { App } from "../../src/core/define-app.ts";
import type { Readers } from "../../src/core/runtime.ts";
import { type Embedded, startEmbedded } from "../../src/host/host.ts";

const silent = { debug() {}, info() {}, warn() {}, error() {} };

/** An embedded engine in memory whose followers and places are counted from outside. */
export interface Watched {
  readonly embedded: Embedded;
  readonly url: string;
  /** Those who follow a job now. */
  readonly followers: () => number;
  /** Places that are taken now, of both kinds. */
  readonly places: () => number;
  readonly warnings: readonly string[];
}

export async function startWatched(app: App, readers?: Readers): Promise<Watched> {
  const warnings: string[] = [];
  const note = (message: string): void => void warnings.push(message);
  const embedded = startEmbedded({
    app,
    resources: {
      tools: new Map(),
      model: "none",
      price: undefined,
      corpus: { search: () => [], read: () => undefined },
    },
    logger: { ...silent, warn: note, error: note },
    dataDir: undefined,
    ...(readers ? { readers } : {}),
  });
  const { changes, limits } = embedded.runtime;
  let followers = 0;
  const follow = changes.follow.bind(changes);
  changes.follow = (jobId) => {
    const following = follow(jobId);
    followers += 1;
    let open = true;
    return {
      next: (...asked) => following.next(...asked),
      close() {
        if (open) followers -= 1;
        open = false;
        following.close();
      },
    };
  };
  const places = new Set<string>();
  const [enter, leave] = [limits.enter.bind(limits), limits.leave.bind(limits)];
  limits.enter = async (key, id, entry) => {
    const entered = await enter(key, id, entry);
    if (entered) places.add(`${key} ${id}`);
    return entered;
  };
  limits.leave = async (key, id) => {
    await leave(key, id);
    places.delete(`${key} ${id}`);
  };
  const url = await embedded.listen(0, "127.0.0.1");
  return { embedded, url, followers: () => followers, places: () => places.size, warnings };
}
