import { describe, expect, test } from "vitest";
import { z } from "zod";
import type { CommitId } from "../../../src/contract/ids.ts";
import { type CapabilityOptions, defineCapability } from "../../../src/core/define-capability.ts";
import { type Applicant, type GateDecision, Gates, type GatesProps, type Pass } from "../../../src/core/gates.ts";
import type { Limits } from "../../../src/core/ports.ts";
import { checkedRates, type Rate } from "../../../src/core/rate-limits.ts";
import { MemoryLimits } from "../../../src/engines/embedded/memory-limits.ts";
import { seededRandom } from "../../../src/testing/random.ts";
import { VirtualClock } from "../../../src/testing/virtual-clock.ts";

const MINUTE_MS = 60_000;
type Options = Partial<CapabilityOptions<string, z.ZodType, z.ZodType>>;
const capability = (options: Options = {}) =>
  defineCapability({ name: "ask", input: z.any(), output: z.any(), run: () => 1, ...options });
/** Calls the model that its input names, and may use as many tokens as it says. */
const ask = capability({
  provider: (input, { model }) => ({ name: model, ...(input as { tokens?: number } | undefined) }),
});

/** Processes that share a store of limits: `gates()` is one of them. `calls` are those of the store. */
function world(rates: Record<string, Rate> = {}) {
  const clock = new VirtualClock();
  const random = seededRandom(7);
  const calls: string[] = [];
  const store = new MemoryLimits();
  const limits = new Proxy<Limits>(store, {
    get(target, name: keyof Limits) {
      const method = target[name].bind(target) as (...args: unknown[]) => unknown;
      return (...args: unknown[]) => {
        calls.push(name);
        return method(...args);
      };
    },
  });
  const ids = { commitId: () => String(random()) as CommitId, random };
  const gates = (props: Partial<GatesProps> = {}): Gates =>
    new Gates({ limits, clock, ids, app: { rates: checkedRates(rates) }, model: "openai:gpt-5", ...props });
  let steps = 0;
  const applicant = (fields: Partial<Applicant> = {}): Applicant => {
    steps += 1;
    const [jobId, stepId] = ["job", `step-${steps}`];
    return { capability: ask, input: {}, tenant: "acme", jobId, stepId, requestedAtMs: clock.now(), ...fields };
  };
  return { clock, calls, limits, gates, applicant };
}

function passOf(decision: GateDecision): Pass {
  if (decision.kind === "deferred") throw new Error(`deferred: ${decision.reason}`);
  return decision.pass;
}
const reasons = (decisions: readonly GateDecision[]): string[] =>
  decisions.map((decision) => (decision.kind === "deferred" ? decision.reason : decision.kind));
const count = (all: readonly string[], one: string): number => all.filter((name) => name === one).length;

/** So many calls fail one after the other. */
async function fail(gates: Gates, applicant: () => Applicant, failures = 5): Promise<void> {
  for (let n = 0; n < failures; n++) await passOf(await gates.admit(applicant())).settle("provider-failed");
}

describe("what costs nothing", () => {
  test("a capability that names no provider asks nobody anything", async () => {
    const { gates, applicant, calls } = world();
    const all = gates();
    for (const free of [capability(), capability({ provider: () => undefined })]) {
      expect(all.isClear(free, {})).toBe(true);
      await passOf(await all.admit(applicant({ capability: free }))).settle("answered");
      await all.passAhead(free, {}).settle("provider-failed");
    }
    expect(calls).toEqual([]);
  });

  test("a provider that does well costs a read a second and process, and no write", async () => {
    const { gates, applicant, calls, clock } = world();
    const all = gates({ circuitCacheMs: 1_000 });
    for (let n = 0; n < 20; n++) {
      await passOf(await all.admit(applicant())).settle("answered", { inputTokens: 5, outputTokens: 5 });
      await clock.advance(100);
    }
    expect(calls).toEqual(["circuit", "circuit"]);
  });

  test("steps that ask at once share the read", async () => {
    const { gates, applicant, calls } = world();
    const all = gates({ circuitCacheMs: 1_000 });
    await Promise.all(Array.from({ length: 10 }, () => all.admit(applicant())));
    expect(calls).toEqual(["circuit"]);
  });

  test("an author's mistake in naming the provider keeps no step from its work", async () => {
    const { gates, applicant } = world();
    const errors: unknown[] = [];
    const broken = capability({
      provider: () => {
        throw new Error("bug");
      },
    });
    const decision = await gates({ onError: (error) => errors.push(error) }).admit(applicant({ capability: broken }));
    expect(decision.kind).toBe("admitted");
    expect(errors).toMatchObject([{ message: "bug" }]);
  });
});

describe("an outage", () => {
  test("is noticed by all processes, and then costs nobody a call", async () => {
    const { gates, applicant, clock } = world();
    const [one, other] = [gates({ circuitCacheMs: 1_000 }), gates({ circuitCacheMs: 1_000 })];
    await passOf(await other.admit(applicant())).settle("answered");
    await fail(one, applicant);
    await clock.advance(1_000);
    const untilMs = clock.now() + 9_000;
    for (const process of [one, other]) {
      const decision = await process.admit(applicant());
      expect(decision).toMatchObject({ kind: "deferred", reason: "circuit" });
      expect(decision.kind === "deferred" && decision.untilMs).toBeGreaterThanOrEqual(untilMs);
      expect(process.isClear(ask, {})).toBe(false);
    }
  });

  test("of one model is none of another's", async () => {
    const { gates, applicant } = world();
    const all = gates();
    await fail(all, applicant);
    const other = capability({ provider: () => ({ name: "openai:gpt-5-mini" }) });
    expect((await all.admit(applicant({ capability: other }))).kind).toBe("admitted");
    expect(all.isClear(other, {})).toBe(true);
  });

  test("is probed by one of 100 steps that come at once to several processes", async () => {
    const { gates, applicant, clock } = world();
    const processes = Array.from({ length: 5 }, () => gates({ circuitCacheMs: 1_000 }));
    await fail(processes[0] as Gates, applicant);
    await clock.advance(10_000);
    const all = await Promise.all(
      Array.from({ length: 100 }, (_, n) => (processes[n % 5] as Gates).admit(applicant())),
    );
    expect(count(reasons(all), "admitted")).toBe(1);
    expect(count(reasons(all), "circuit")).toBe(99);
  });

  test("goes on for twice as long when the probe fails, and ends slowly when it does not", async () => {
    const { gates, applicant, clock } = world();
    const all = gates();
    await fail(all, applicant);
    await clock.advance(10_000);
    await fail(all, applicant, 1);
    await clock.advance(19_999);
    expect(reasons([await all.admit(applicant())])).toEqual(["circuit"]);
    await clock.advance(1);
    const probe = passOf(await all.admit(applicant()));
    await clock.advance(5_000);
    await probe.settle("answered");
    const admitted = async (): Promise<number> =>
      count(reasons(await Promise.all(Array.from({ length: 400 }, () => all.admit(applicant())))), "admitted");
    const [first, half, whole] = [
      await admitted(),
      await clock.advance(15_000).then(admitted),
      await clock.advance(15_000).then(admitted),
    ];
    expect(first).toBeGreaterThan(20);
    expect(first).toBeLessThan(60);
    expect(half).toBeGreaterThan(160);
    expect(half).toBeLessThan(240);
    expect(whole).toBe(400);
    expect(all.isClear(ask, {})).toBe(true);
  });

  test("does not go on for ever when the probe's process dies", async () => {
    const { gates, applicant, clock } = world();
    await fail(gates(), applicant);
    await clock.advance(10_000);
    passOf(await gates().admit(applicant()));
    const all = gates();
    await clock.advance(ask.leaseMs - 1);
    expect(reasons([await all.admit(applicant())])).toEqual(["circuit"]);
    await clock.advance(1);
    await passOf(await all.admit(applicant())).settle("answered");
    expect((await all.view())[0]).toMatchObject({ state: "closed", failures: 0 });
  });

  test("is probed by the next step where the probe came to make no call", async () => {
    const { gates, applicant, clock } = world();
    const all = gates();
    await fail(all, applicant);
    await clock.advance(10_000);
    for (const end of ["not-called", "cut-off", "answered"] as const) {
      await passOf(await all.admit(applicant())).settle(end);
    }
    expect((await all.view())[0]).toMatchObject({ state: "closed" });
  });

  test("begins at once, for as long as the provider asks", async () => {
    const { gates, applicant, clock } = world();
    const all = gates();
    await passOf(await all.admit(applicant())).settle("provider-failed", undefined, 45_000);
    await clock.advance(44_999);
    expect(reasons([await all.admit(applicant())])).toEqual(["circuit"]);
    await clock.advance(1);
    expect((await all.admit(applicant())).kind).toBe("admitted");
  });

  test("is noticed by steps that were claimed ahead, too", async () => {
    const { gates, applicant } = world();
    const all = gates();
    for (let n = 0; n < 5; n++) {
      expect(all.isClear(ask, {})).toBe(n === 0);
      await all.passAhead(ask, {}).settle("provider-failed");
    }
    expect(reasons([await all.admit(applicant())])).toEqual(["circuit"]);
  });
});

describe("a rate", () => {
  /** Works on a backlog as a queue would: each step comes again when it was told to. */
  async function drain({
    steps,
    olderMs = 0,
    rates,
  }: {
    steps: number;
    olderMs?: number;
    rates: Record<string, Rate>;
  }) {
    const { gates, applicant, clock } = world(rates);
    const all = gates();
    const startMs = clock.now();
    const admittedMs: number[] = [];
    let asked = 0;
    const come = async (step: Applicant): Promise<void> => {
      asked += 1;
      const decision = await all.admit(step);
      if (decision.kind === "deferred") {
        expect(decision.untilMs).toBeGreaterThan(clock.now());
        expect(decision.untilMs).toBeLessThanOrEqual(clock.now() + 900_000);
        clock.setTimer(decision.untilMs - clock.now(), () => void come(step));
      } else {
        admittedMs.push(clock.now() - startMs);
        await decision.pass.settle("answered");
      }
    };
    for (let n = 0; n < steps; n++) void come(applicant({ requestedAtMs: startMs - olderMs }));
    await clock.runUntil(() => admittedMs.length === steps);
    return { admittedMs, asked };
  }

  test("of 60 requests a minute is 60 a minute, for as long as there are any, after a burst of 10", async () => {
    const { admittedMs, asked } = await drain({ steps: 610, rates: { openai: { requestsPerMinute: 60 } } });
    const upTo = (ms: number): number => admittedMs.filter((atMs) => atMs <= ms).length;
    expect(upTo(0)).toBe(10);
    for (let minute = 1; minute <= 10; minute++) {
      expect(Math.abs(upTo(minute * MINUTE_MS) - 10 - 60 * minute)).toBeLessThanOrEqual(1);
    }
    // Who was refused comes back when it is his turn.
    expect(asked).toBeLessThanOrEqual(2 * 610);
  });

  test("is used in full also by a backlog that is old, and longer than a queue's longest delay", async () => {
    const { admittedMs, asked } = await drain({
      steps: 2_400,
      olderMs: 3_600_000,
      rates: { openai: { requestsPerMinute: 60 } },
    });
    // 40 minutes are the least that it can take.
    expect(admittedMs.at(-1)).toBeLessThan(1.1 * 40 * MINUTE_MS);
    expect(asked).toBeLessThan(5 * 2_400);
  });

  test("is shared by all processes, and by the models of a provider", async () => {
    const { gates, applicant } = world({ openai: { requestsPerMinute: 60 } });
    const processes = [gates(), gates({ model: "openai:gpt-5-mini" })];
    const all = await Promise.all(Array.from({ length: 30 }, (_, n) => (processes[n % 2] as Gates).admit(applicant())));
    expect(count(reasons(all), "admitted")).toBe(10);
    expect(count(reasons(all), "rate")).toBe(20);
    expect(processes[0]?.isClear(ask, {})).toBe(false);
  });

  test("of tokens is given back what was not used, and charged what was used besides", async () => {
    const { gates, applicant, clock } = world({ "openai:gpt-5": { tokensPerMinute: 60_000 } });
    const all = gates();
    const step = (tokens: number) => all.admit(applicant({ input: { tokens } }));
    const frugal = passOf(await step(10_000));
    expect(reasons([await step(1_000)])).toEqual(["rate"]);
    await frugal.settle("answered", { inputTokens: 1_000, outputTokens: 1_000 });
    const greedy = passOf(await step(8_000));
    await greedy.settle("answered", { inputTokens: 8_000, outputTokens: 5_000 });
    const refused = await step(1_000);
    const waitMs = refused.kind === "deferred" ? refused.untilMs - clock.now() : 0;
    expect(waitMs).toBeGreaterThanOrEqual(6_000);
    expect(waitMs).toBeLessThanOrEqual(6_100);
    await clock.advance(waitMs);
    expect((await step(1_000)).kind).toBe("admitted");
  });

  test("of tokens keeps what was reserved where the provider does not tell, and gives it back where nobody called", async () => {
    const { gates, applicant } = world({ openai: { tokensPerMinute: 60_000, requestsPerMinute: 6_000 } });
    const all = gates();
    const step = () => all.admit(applicant({ input: { tokens: 10_000 } }));
    await passOf(await step()).settle("not-called");
    const silent = passOf(await step());
    expect(reasons([await step()])).toEqual(["rate"]);
    await silent.settle("answered", { outputTokens: 3 });
    expect(reasons([await step()])).toEqual(["rate"]);
  });

  test("lets a call pass in the end that needs more tokens than the bucket holds", async () => {
    const { gates, applicant, clock } = world({ openai: { tokensPerMinute: 6_000 } });
    const all = gates();
    const [small, large] = [applicant({ input: { tokens: 1 } }), applicant({ input: { tokens: 20_000 } })];
    passOf(await all.admit(small));
    let decision = await all.admit(large);
    for (let n = 0; decision.kind === "deferred" && n < 3; n++) {
      await clock.advance(decision.untilMs - clock.now());
      decision = await all.admit(large);
    }
    expect(decision.kind).toBe("admitted");
  });
});

describe("a tenant's share", () => {
  const shared = capability({ tenantConcurrency: 2 });

  test("is full with so many steps, in all processes, and leaves other tenants theirs", async () => {
    const { gates, applicant, clock } = world();
    const [one, other] = [gates(), gates()];
    const step = (tenant: string) => applicant({ capability: shared, tenant });
    const first = passOf(await one.admit(step("acme")));
    passOf(await other.admit(step("acme")));
    const refused = await other.admit(step("acme"));
    expect(refused).toMatchObject({ kind: "deferred", reason: "tenant" });
    expect(refused.kind === "deferred" && refused.untilMs).toBeGreaterThan(clock.now());
    expect((await other.admit(step("globex"))).kind).toBe("admitted");
    await first.settle("answered");
    expect((await other.admit(step("acme"))).kind).toBe("admitted");
    expect(one.isClear(shared, {})).toBe(false);
  });

  test("comes back from a worker that died, when its lease is over", async () => {
    const { gates, applicant, clock } = world();
    const all = gates();
    const step = () => applicant({ capability: shared });
    await Promise.all([all.admit(step()), all.admit(step())]);
    await clock.advance(shared.leaseMs);
    expect(reasons([await all.admit(step())])).toEqual(["tenant"]);
    await clock.advance(30_000);
    expect(reasons([await all.admit(step()), await all.admit(step())])).toEqual(["admitted", "admitted"]);
  });

  test("is not freed twice by a pass that is settled twice", async () => {
    const { gates, applicant, calls } = world({ openai: { requestsPerMinute: 60, tokensPerMinute: 60_000 } });
    const all = gates();
    const both = capability({ ...ask, tenantConcurrency: 1, input: z.any(), output: z.any() });
    const pass = passOf(await all.admit(applicant({ capability: both, input: { tokens: 500 } })));
    await pass.settle("not-called");
    const before = calls.length;
    await pass.settle("answered");
    expect(calls.length).toBe(before);
  });

  test("and what a rate has given are given back where a later gate refuses", async () => {
    const { gates, applicant, clock } = world({ openai: { requestsPerMinute: 600, tokensPerMinute: 60_000 } });
    const all = gates();
    const both = capability({ ...ask, tenantConcurrency: 1, input: z.any(), output: z.any() });
    const step = (tokens: number) => all.admit(applicant({ capability: both, input: { tokens } }));
    await passOf(await step(10_000)).settle("answered");
    // 99 more requests are in their bucket, and no token is in its.
    const refused = await Promise.all(Array.from({ length: 300 }, () => step(1)));
    expect(new Set(reasons(refused))).toEqual(new Set(["rate", "tenant"]));
    await clock.advance(1_000);
    const last = await step(1_000);
    expect(last.kind).toBe("admitted");
  });

  test("and the place of the probe, too", async () => {
    const { gates, applicant, clock } = world();
    const all = gates();
    const both = capability({ ...ask, tenantConcurrency: 1, input: z.any(), output: z.any() });
    passOf(await all.admit(applicant({ capability: both })));
    await fail(all, applicant);
    await clock.advance(10_000);
    expect(reasons([await all.admit(applicant({ capability: both }))])).toEqual(["tenant"]);
    expect((await all.admit(applicant())).kind).toBe("admitted");
  });
});

describe("a store that fails", () => {
  const down = (limits: Limits, broken: keyof Limits): Limits =>
    new Proxy(limits, {
      get: (target, name: keyof Limits) =>
        name === broken ? () => Promise.reject(new Error(`no ${broken}`)) : target[name],
    });
  const both = capability({ ...ask, tenantConcurrency: 1, input: z.any(), output: z.any() });

  test("keeps a step from its work, which holds nothing then", async () => {
    const { gates, applicant, limits } = world({ openai: { requestsPerMinute: 60 } });
    for (const broken of ["circuit", "enter", "reserve"] as const) {
      const step = gates({ limits: down(limits, broken) }).admit(applicant({ capability: both }));
      await expect(step).rejects.toThrow(`no ${broken}`);
    }
    expect((await gates().admit(applicant({ capability: both }))).kind).toBe("admitted");
  });

  test("keeps no answer from its record", async () => {
    const { gates, applicant, limits } = world({ openai: { requestsPerMinute: 60 } });
    const errors: unknown[] = [];
    const all = gates({ limits: down(limits, "leave"), onError: (error) => errors.push(error) });
    await passOf(await all.admit(applicant({ capability: both }))).settle("answered");
    expect(errors).toMatchObject([{ message: "no leave" }]);
  });
});

describe("the view", () => {
  test("shows rates, troubles, and what this process has called", async () => {
    const { gates, applicant, clock } = world({ openai: { requestsPerMinute: 60 }, search: { tokensPerMinute: 5 } });
    const all = gates();
    const other = capability({ provider: () => ({ name: "anthropic:claude" }) });
    await passOf(await all.admit(applicant({ capability: other }))).settle("answered");
    await fail(all, applicant);
    const openai = { name: "openai:gpt-5", failures: 5, requestsPerMinute: 60 };
    expect(await all.view()).toEqual([
      { name: "anthropic:claude", state: "closed", failures: 0 },
      { name: "openai", state: "closed", failures: 0, requestsPerMinute: 60 },
      { ...openai, state: "open", openUntilMs: clock.now() + 10_000 },
      { name: "search", state: "closed", failures: 0, tokensPerMinute: 5 },
    ]);
    await clock.advance(10_000);
    passOf(await all.admit(applicant()));
    // A process that has called nobody knows of it, too.
    expect(await gates().view()).toContainEqual({ ...openai, state: "half-open" });
  });
});
