import { expect, test } from "vitest";
import { SluiceClient } from "../../client/index.ts";
import { withSeed } from "../../src/testing/random.ts";
import { startFaultProxy } from "../channels/fault-proxy.ts";
import { randomFault } from "../channels/random-fault.ts";
import { Dice } from "../simulation/dice.ts";
import { serve } from "./embedded.ts";
import { all, HASTY } from "./follower.ts";

const WORDS = Array.from({ length: 120 }, (_, index) => `word-${index}`).join(" ");
/** Of a stream of this job, roughly: faults fall anywhere in it. */
const STREAM_BYTES = 4_000;
const READERS = 12;

test.each(["poll", "sse", "websocket"] as const)(
  "readers by %s behind a network that breaks have all events, each once",
  async (channel) => {
    await withSeed(async (random) => {
      await using served = await serve();
      const dice = new Dice(Math.floor(random() * 2 ** 32));
      const proxy = await startFaultProxy(Number(new URL(served.url).port), () => randomFault(dice, STREAM_BYTES));
      try {
        const near = new SluiceClient({ url: served.url });
        const far = new SluiceClient({
          url: `http://127.0.0.1:${proxy.port}`,
          channel,
          retry: { ...HASTY, attempts: 50 },
        });
        const { id } = await near.submit("streams", { text: WORDS });
        const read = await Promise.all(Array.from({ length: READERS }, () => all(far.job(id).events())));
        const whole = await all(near.job(id).events({ channel: "poll" }));
        for (const events of read) expect(events).toEqual(whole);
        const text = (await all(far.job(id).text())).map((chunk) => chunk.text).join("");
        expect(text).toBe(`${WORDS} `);
        expect(new Set(proxy.happened).size).toBeGreaterThan(2);
      } finally {
        await proxy.close();
      }
    });
  },
);
