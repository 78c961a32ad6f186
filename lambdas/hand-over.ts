import { CLOSE } from "../src/contract/socket.ts";
import type { Sockets, Subscribers } from "../src/core/subscribers.ts";

/**
 * Hands a frame over. False where nobody takes it any more: then the connection is forgotten with all that it watches, and closed if
 * it is still there. Its client comes back with its cursors.
 */
export async function handOver(
  connectionId: string,
  frame: string,
  { sockets, subscribers }: { readonly sockets: Sockets; readonly subscribers: Subscribers },
): Promise<boolean> {
  const outcome = await sockets.post(connectionId, frame);
  if (outcome === "sent") return true;
  await subscribers.disconnect(connectionId);
  // Should that fail: a connection that is not known is closed upon its next frame.
  if (outcome === "refused")
    await sockets.close(connectionId, CLOSE.slow, "subscribe from your cursors").catch(() => {});
  return false;
}
