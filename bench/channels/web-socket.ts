import { once } from "node:events";
import { WebSocket } from "ws";
import { type ServerMessage, SOCKET_PROTOCOL } from "../../src/contract/socket.ts";
import type { Channel } from "./channel.ts";

/** WebSocket, each reader on a connection of its own. */
export const webSocket: Channel = {
  name: "WebSocket",
  async follow(url, jobId, onEvent) {
    const socket = new WebSocket(`${url.replace("http", "ws")}/v1/socket`, SOCKET_PROTOCOL);
    const subscribed = Promise.withResolvers<void>();
    socket.on("message", (data) => {
      const message = JSON.parse(String(data)) as ServerMessage;
      if (message.type === "event") onEvent(message.event.seq, message.event.type);
      else if (message.type === "subscribed") subscribed.resolve();
      else if (message.type === "error") subscribed.reject(new Error(message.problem.detail));
    });
    await once(socket, "open");
    socket.send(JSON.stringify({ type: "subscribe", id: "job", jobId }));
    await subscribed.promise;
    return { close: () => socket.terminate() };
  },
};
