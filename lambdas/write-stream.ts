import type { Writable } from "node:stream";
import type { Clock } from "../src/core/ports.ts";

/** A reader that does not take its bytes for so long is cut off: it goes on from its cursor. */
const STALL_MS = 30_000;
/** Bytes that are handed over at once: as many must be taken within {@link STALL_MS}. */
const SLICE_BYTES = 65_536;

/** How a stream ended: all was written and passed on, the reader has gone, or it was cut off for not taking its bytes. */
export type StreamEnd = "written" | "gone" | "stalled";

/**
 * Writes pieces as they come, no faster than they are taken, and ends the stream; its end must be taken in time, too. Nothing of a piece waits in memory but
 * what the stream itself has not passed on yet. Rejects when the pieces do; then the stream is destroyed, since its reader
 * must not take it for complete.
 */
export async function writeStream(pieces: AsyncIterable<string>, to: Writable, clock: Clock): Promise<StreamEnd> {
  try {
    for await (const piece of pieces) {
      const bytes = Buffer.from(piece);
      for (let at = 0; at < bytes.length; at += SLICE_BYTES) {
        if (to.destroyed) return "gone";
        if (to.write(bytes.subarray(at, at + SLICE_BYTES)) || (await happens("drain", to, clock))) continue;
        return cutOff(to);
      }
    }
  } catch (error) {
    to.destroy();
    throw error;
  }
  if (to.destroyed) return "gone";
  to.end();
  return to.writableFinished || (await happens("finish", to, clock)) ? "written" : cutOff(to);
}

function cutOff(to: Writable): StreamEnd {
  if (to.destroyed) return "gone";
  to.destroy();
  return "stalled";
}

/** False when it took too long or the stream is closed. */
function happens(event: "drain" | "finish", to: Writable, clock: Clock): Promise<boolean> {
  return new Promise((resolve) => {
    const settle = (happened: boolean): void => {
      cancel();
      to.off(event, onEvent).off("close", onClose);
      resolve(happened);
    };
    const onEvent = (): void => settle(true);
    const onClose = (): void => settle(false);
    const cancel = clock.setTimer(STALL_MS, () => settle(false));
    to.on(event, onEvent).on("close", onClose);
    if (to.destroyed) settle(false);
  });
}
