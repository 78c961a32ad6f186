import type { ChannelName } from "../retry.ts";
import type { Delta, JobEvent } from "../wire.ts";

/** What a reader hears on any channel. */
export type Frame =
  | { readonly type: "event"; readonly event: JobEvent }
  | { readonly type: "delta"; readonly delta: Delta }
  /** The connection lives. */
  | { readonly type: "alive" }
  /** The log has ended, with the event of this seq where the channel says so. */
  | { readonly type: "end"; readonly seq?: number };

/**
 * A source of a job's events from a cursor: one connection, or one row of looks. It tries nothing again, drops nothing that
 * is doubled and does not judge silence: all that is done once, by `follow`.
 */
export interface Channel {
  readonly name: ChannelName;
  /**
   * Ends when the connection does so in order; throws {@link UnavailableError} where the channel does not exist,
   * {@link SluiceError} where it is refused, {@link ConnectionError} for what breaks. Gives up everything when the signal aborts.
   */
  open(jobId: string, after: number, signal: AbortSignal): AsyncIterable<Frame>;
}
