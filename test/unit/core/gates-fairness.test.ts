import { describe, expect, test } from "vitest";
import { z } from "zod";
import type { CommitId } from "../../../src/contract/ids.ts";
import { defineCapability } from "../../../src/core/define-capability.ts";
import { Gates } from "../../../src/core/gates.ts";
import { checkedRates } from "../../../src/core/rate-limits.ts";
import { MemoryLimits } from "../../../src/engines/embedded/memory-limits.ts";
import { seededRandom } from "../../../src/testing/random.ts";
import { VirtualClock } from "../../../src/testing/virtual-clock.ts";

const MINUTE_MS = 60_000;
/** At this rate a token takes a millisecond, and the bucket holds 10,000. */
const TOKENS_PER_MINUTE = 60_000;
const BURST = 10_000;

const ask = defineCapability({
  name: "ask",
  input: z.object({ tokens: z.number() }),
  output: z.any(),
  provider: ({ tokens }) => ({ name: "acme:m", tokens }),
  run: () => 1,
});

/** Steps that come to the gate when they were told to, as a queue would bring them. */
function overload() {
  const clock = new VirtualClock();
  const random = seededRandom(7);
  const gates = new Gates({
    limits: new MemoryLimits(),
    clock,
    ids: { commitId: () => String(random()) as CommitId, random },
    app: { rates: checkedRates({ acme: { tokensPerMinute: TOKENS_PER_MINUTE } }) },
    model: "",
  });
  const admitted: { readonly atMs: number; readonly tenant: string; readonly tokens: number }[] = [];
  let steps = 0;
  const submit = (tenant: string, tokens: number): void => {
    steps += 1;
    const step = { capability: ask, input: { tokens }, tenant, jobId: "job", stepId: `${steps}` };
    const requestedAtMs = clock.now();
    const come = async (): Promise<void> => {
      const decision = await gates.admit({ ...step, requestedAtMs });
      if (decision.kind === "deferred") clock.setTimer(decision.untilMs - clock.now(), () => void come());
      else admitted.push({ atMs: clock.now(), tenant, tokens });
    };
    void come();
  };
  return { clock, submit, admitted };
}

describe("a rate that is asked for more than it allows, for as long as one likes", () => {
  /** One tenant's steps of 1,000 tokens: so many wait, and new ones come as fast as the rate can serve them, or faster. */
  test.each([
    { tokens: 1_000, backlog: 2_500, everyMs: 1_000, minutes: 10 },
    { tokens: 8_000, backlog: 2_500, everyMs: 1_000, minutes: 10 },
    { tokens: BURST, backlog: 2_500, everyMs: 1_000, minutes: 10 },
    { tokens: 20_000, backlog: 2_500, everyMs: 1_000, minutes: 10 },
    { tokens: 8_000, backlog: 0, everyMs: 50, minutes: 1 },
  ])(
    "lets another tenant's $tokens tokens pass where $backlog wait and one comes every $everyMs ms",
    async ({ tokens, backlog, everyMs, minutes }) => {
      const { clock, submit, admitted } = overload();
      for (let n = 0; n < backlog; n++) submit("loud", 1_000);
      const more = (): void => {
        submit("loud", 1_000);
        clock.setTimer(everyMs, more);
      };
      more();
      await clock.advance(minutes * MINUTE_MS);
      submit("quiet", tokens);
      const isIn = (): boolean => admitted.at(-1)?.tenant === "quiet";
      await clock.runUntil(isIn, 5 * MINUTE_MS);
      expect(isIn()).toBe(true);
      // The least of all (what was taken before, less what the rate had brought by then) begins the fullest window.
      let [taken, least] = [0, Number.POSITIVE_INFINITY];
      for (const step of admitted) {
        least = Math.min(least, taken - step.atMs);
        taken += step.tokens;
        expect(taken - step.atMs - least).toBeLessThanOrEqual(BURST + Math.max(1_000, tokens));
      }
      // And the rate is used in full.
      expect(taken).toBeGreaterThan(clock.now() - (admitted[0]?.atMs ?? 0));
    },
  );

  test("lets a large step of the same tenant pass in its turn, too", async () => {
    const { clock, submit, admitted } = overload();
    for (let n = 0; n < 300; n++) submit("loud", n === 150 ? 8_000 : 1_000);
    await clock.runUntil(() => admitted.length === 300);
    const at = admitted.findIndex(({ tokens }) => tokens === 8_000);
    expect(at).toBeGreaterThan(100);
    expect(at).toBeLessThan(200);
  });
});
