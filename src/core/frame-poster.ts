import type { Sockets } from "./subscribers.ts";

/** Something of which only what it is when its turn comes is worth sending; undefined: nothing any more. */
export interface FrameSource {
  frame(): string | undefined;
}

export interface FramePosterProps {
  readonly sockets: Pick<Sockets, "post">;
  /** A frame was not taken: by a connection that is gone, or, with an error, for any other reason. */
  readonly onRefused: (connectionId: string, error?: unknown) => void;
}

/**
 * Posts frames that may be lost. One is on its way to a connection at a time; the others wait as sources, each once. A connection
 * that does not take a frame loses what waits for it, and holds up no other.
 */
export class FramePoster {
  readonly #props: FramePosterProps;
  readonly #waiting = new Map<string, Set<FrameSource>>();
  readonly #posting = new Set<Promise<void>>();

  constructor(props: FramePosterProps) {
    this.#props = props;
  }

  offer(connectionId: string, source: FrameSource): void {
    const waiting = this.#waiting.get(connectionId);
    if (waiting !== undefined) {
      waiting.add(source);
      return;
    }
    const sources = new Set([source]);
    this.#waiting.set(connectionId, sources);
    const posting = this.#postAll(connectionId, sources).finally(() => this.#posting.delete(posting));
    this.#posting.add(posting);
  }

  get isIdle(): boolean {
    return this.#posting.size === 0;
  }

  /** Resolves when nothing is on its way. Never rejects. */
  async idle(): Promise<void> {
    while (!this.isIdle) await Promise.all(this.#posting);
  }

  async #postAll(connectionId: string, sources: Set<FrameSource>): Promise<void> {
    const { sockets, onRefused } = this.#props;
    try {
      // What is added meanwhile comes in this loop, too.
      for (const source of sources) {
        sources.delete(source);
        const frame = source.frame();
        if (frame === undefined) continue;
        if ((await sockets.post(connectionId, frame)) === "sent") continue;
        onRefused(connectionId);
        break;
      }
    } catch (error) {
      onRefused(connectionId, error);
    }
    this.#waiting.delete(connectionId);
  }
}
