import { request } from "node:http";
import type { Channel } from "./channel.ts";

const EVENT = /^id: (\d+)\nevent: (\S+)\n/;

/** Server-sent events, each reader on a connection of its own. */
export const eventStream: Channel = {
  name: "SSE",
  follow(url, jobId, onEvent) {
    return new Promise((resolve, reject) => {
      const call = request(
        `${url}/v1/jobs/${jobId}/events`,
        { agent: false, headers: { accept: "text/event-stream" } },
        (response) => {
          if (response.statusCode !== 200) return reject(new Error(`a reader got ${response.statusCode}`));
          let text = "";
          response.setEncoding("utf8").on("data", (chunk: string) => {
            text += chunk;
            const frames = text.split("\n\n");
            text = frames.pop() ?? "";
            for (const frame of frames) {
              const [, seq, type = ""] = EVENT.exec(frame) ?? [];
              if (seq !== undefined) onEvent(Number(seq), type);
            }
          });
          response.on("error", () => {});
          resolve({ close: () => call.destroy() });
        },
      );
      call.on("error", reject);
      call.end();
    });
  },
};
