import type { JobId } from "../contract/ids.ts";
import { MAX_FRAME_BYTES, type ServerMessage } from "../contract/socket.ts";
import { FramePoster, type FrameSource } from "./frame-poster.ts";
import type { Attempt, Clock, DeltaStream, Deltas } from "./ports.ts";
import type { Sockets, Subscribers, Subscription } from "./subscribers.ts";
import { waitFor } from "./wait-for.ts";

export interface DeltaSenderProps {
  readonly subscribers: Pick<Subscribers, "ofJob">;
  /** A post is made once: one that is tried again for seconds would come after what it was ahead of. */
  readonly sockets: Pick<Sockets, "post">;
  readonly clock: Clock;
  /** Somebody has not seen some words before the log had them. */
  readonly onError: (what: string, error: unknown) => void;
}

/** A watcher is sent what a step has streamed at most so often. */
const EVERY_MS = 300;
/** What stands around the text of a frame, and a character of it as JSON, at most, in bytes. */
const ENVELOPE_BYTES = 2_048;
const CHARACTER_BYTES = 6;
/** Of a frame: 5,120, which always fit. The log is written after 4,096; what comes while it cannot be waits for it. */
const MAX_CHARACTERS = Math.floor((MAX_FRAME_BYTES - ENVELOPE_BYTES) / CHARACTER_BYTES);
/** What an invocation waits for at its end, at the longest. */
const SETTLED_WITHIN_MS = 2_000;

/** A job of which a step streams here. */
interface ShownJob {
  readonly streams: Set<ShownText>;
  watchers: readonly Subscription[];
  isLookedFor: boolean;
}

/**
 * Sends those who watch a job what its steps stream, ahead of the log.
 *
 * 1. A frame has all that the log does not have yet, and joins the frame before: one that was lost is made good by the next, or by
 *    the log.
 * 2. Who watches is asked when a step's first text comes; after that it is what whoever tells of commits finds anyway ({@link found}).
 *    Of a job that nobody watches nothing is sent and no timer is set.
 * 3. A connection that does not take a frame gets none until it is found again.
 * 4. After a stream's end none of its frames begins, and no timer of it is left.
 */
export class DeltaSender implements Deltas {
  readonly #props: DeltaSenderProps;
  readonly #poster: FramePoster;
  readonly #jobs = new Map<JobId, ShownJob>();
  readonly #looks = new Set<Promise<void>>();

  constructor(props: DeltaSenderProps) {
    this.#props = props;
    this.#poster = new FramePoster({
      sockets: props.sockets,
      onRefused: (connectionId, error) => {
        this.#leave(connectionId);
        if (error !== undefined) props.onError("words not sent to a watcher", error);
      },
    });
  }

  begin(attempt: Attempt): DeltaStream {
    const { jobId } = attempt;
    const stream: ShownText = new ShownText({
      attempt,
      clock: this.#props.clock,
      watchers: () => this.#jobs.get(jobId)?.watchers ?? [],
      offer: (connectionId, source) => this.#poster.offer(connectionId, source),
      onBegin: () => this.#show(jobId, stream),
      onEnd: () => this.#hide(jobId, stream),
    });
    return stream;
  }

  /** Somebody has read who watches a job now. */
  found(jobId: JobId, watchers: readonly Subscription[]): void {
    const job = this.#jobs.get(jobId);
    if (job === undefined) return;
    job.watchers = watchers;
    for (const stream of job.streams) stream.arm();
  }

  async settled(): Promise<void> {
    if (this.#looks.size === 0 && this.#poster.isIdle) return;
    const idle = Promise.all([this.#poster.idle(), ...this.#looks]);
    await waitFor(this.#props.clock, SETTLED_WITHIN_MS, undefined, (done) => void idle.then(done));
  }

  #show(jobId: JobId, stream: ShownText): void {
    const job = this.#jobs.get(jobId) ?? { streams: new Set(), watchers: [], isLookedFor: false };
    this.#jobs.set(jobId, job);
    job.streams.add(stream);
    if (job.isLookedFor) return;
    job.isLookedFor = true;
    const look = this.#look(jobId).finally(() => {
      job.isLookedFor = false;
      this.#looks.delete(look);
    });
    this.#looks.add(look);
  }

  async #look(jobId: JobId): Promise<void> {
    const { subscribers, onError } = this.#props;
    try {
      this.found(jobId, await subscribers.ofJob(jobId));
    } catch (error) {
      onError("not known who watches", error);
    }
  }

  #hide(jobId: JobId, stream: ShownText): void {
    const job = this.#jobs.get(jobId);
    job?.streams.delete(stream);
    if (job?.streams.size === 0) this.#jobs.delete(jobId);
  }

  #leave(connectionId: string): void {
    for (const job of this.#jobs.values()) {
      job.watchers = job.watchers.filter((watcher) => watcher.connectionId !== connectionId);
    }
  }
}

interface ShownTextProps {
  readonly attempt: Attempt;
  readonly clock: Clock;
  readonly watchers: () => readonly Subscription[];
  readonly offer: (connectionId: string, source: FrameSource) => void;
  readonly onBegin: () => void;
  readonly onEnd: () => void;
}

/** The end of what an attempt has streamed: from the last record but one on, so that nothing falls between a frame and a record. */
class ShownText implements DeltaStream {
  readonly #props: ShownTextProps;
  readonly #sources = new Map<string, FrameSource>();
  #text = "";
  /** Where in the attempt's text it begins, and how far the log has it. */
  #from = 0;
  #logged = 0;
  #lastMs = Number.NEGATIVE_INFINITY;
  #cancel: (() => void) | undefined;
  #state: "new" | "streams" | "over" = "new";

  constructor(props: ShownTextProps) {
    this.#props = props;
  }

  add(text: string): void {
    if (this.#state === "over") return;
    this.#text += text;
    if (this.#state === "new") {
      this.#state = "streams";
      this.#props.onBegin();
    }
    this.arm();
  }

  recorded(length: number): void {
    if (length <= this.#logged) return;
    this.#text = this.#text.slice(this.#logged - this.#from);
    this.#from = this.#logged;
    this.#logged = length;
  }

  end(): void {
    this.#cancel?.();
    this.#state = "over";
    this.#props.onEnd();
  }

  /** Sends what there is, once it is time. */
  arm(): void {
    const { clock, watchers } = this.#props;
    if (this.#cancel || this.#from + this.#text.length === this.#logged || watchers().length === 0) return;
    this.#cancel = clock.setTimer(Math.max(0, this.#lastMs + EVERY_MS - clock.now()), () => {
      this.#cancel = undefined;
      this.#lastMs = clock.now();
      for (const watcher of watchers()) this.#props.offer(watcher.connectionId, this.#sourceFor(watcher));
    });
  }

  #sourceFor({ connectionId, id }: Subscription): FrameSource {
    const key = `${connectionId} ${id}`;
    const known = this.#sources.get(key);
    if (known) return known;
    let sentTo = 0;
    const source: FrameSource = {
      frame: () => {
        // What the log has reaches a watcher later than the next frame: this goes on where the one before ended.
        const offset = Math.max(this.#from, Math.min(sentTo, this.#logged));
        const text = this.#text.slice(offset - this.#from, offset - this.#from + MAX_CHARACTERS);
        if (this.#state === "over" || offset + text.length <= sentTo) return undefined;
        sentTo = offset + text.length;
        return JSON.stringify({ type: "delta", id, ...this.#props.attempt, offset, text } satisfies ServerMessage);
      },
    };
    this.#sources.set(key, source);
    return source;
  }
}
