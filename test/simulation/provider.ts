import type { StepContext } from "../../src/core/define-capability.ts";
import { HeldError, TerminalError, ThrottledError } from "../../src/core/retry.ts";
import type { Outage, ProviderPlan } from "./fault-plan.ts";
import { GATED } from "./gated.ts";
import type { Incarnation } from "./incarnation.ts";
import type { ProviderCall } from "./ledger.ts";
import { BEGIN_MS } from "./scheduler.ts";
import type { WatchedLimits } from "./watched-limits.ts";
import type { World } from "./world.ts";

class ProviderError extends Error {
  constructor(name: string) {
    super(`${name} of the provider`);
    this.name = name;
  }
}

/** Errors of the provider after which a step is to be tried again, as their names stand in logs. */
export const RETRYABLE_ERRORS: ReadonlySet<string> = new Set(["ProviderError", "TimeoutError"]);

type Behaviour = keyof ProviderPlan | "answer" | "down";

interface Ends {
  readonly answer: () => void;
  readonly fail: (error: Error) => void;
  readonly wrong: () => void;
  readonly down: () => void;
}

/** A slow, expensive, unreliable service, as one process reaches it. */
export class Provider {
  readonly #world: World;
  readonly #process: Incarnation;
  readonly #limits: WatchedLimits;

  constructor(world: World, process: Incarnation, limits: WatchedLimits) {
    this.#world = world;
    this.#process = process;
    this.#limits = limits;
  }

  call(capability: string, step: StepContext): Promise<{ text: string }> {
    const { ledger, scheduler } = this.#world;
    const { jobId, tenant, stepId, attempt, signal } = step;
    const before = ledger.of(jobId, stepId);
    const call: ProviderCall = {
      ...{ jobId, tenant, stepId, capability, attempt, process: this.#process.holder, startedMs: scheduler.nowMs },
      text: `${stepId}#${before.length + 1}`,
      endedMs: undefined,
      end: "running",
    };
    const other = before.find(({ end }) => end === "running");
    if (other) this.#world.broke("2", `${stepId}: called by ${call.process} while ${other.process} calls it`);
    ledger.add(call);
    this.#limits.called(call);
    const { tokens } = (this.#world.plan.limited && GATED[capability]) || {};
    if (tokens !== undefined) step.usage({ inputTokens: tokens / 4, outputTokens: tokens / 4 });
    const down = this.#outageOf(capability);
    const behaviour = down ? "down" : this.#behaviour(jobId, stepId);
    this.#world.trace(this.#process.holder, () => `provider: ${this.#name(call)} → ${behaviour}`);
    const answered = new Promise<{ text: string }>((resolve, reject) => {
      const end = (how: ProviderCall["end"], then: () => void): void => {
        if (call.end !== "running") return;
        call.end = how;
        call.endedMs = scheduler.nowMs;
        this.#world.trace(this.#process.holder, () => `provider: ${this.#name(call)} ${how}`);
        then();
      };
      signal.addEventListener("abort", () => end("aborted", () => reject(signal.reason)), { once: true });
      this.#process.onCrash(() => end("crashed", () => {}));
      const answer = (): void => end("returned", () => resolve({ text: call.text }));
      this.#behave(behaviour, capability === "stream", step, {
        answer,
        fail: (error) => end("threw", () => reject(error)),
        down: () => end("threw", () => reject(new ThrottledError("the provider is down", down?.retryAfterMs))),
        wrong: () => end("returned", () => resolve({ text: 42 as unknown as string })),
      });
      if (capability === "kept") step.keptAs(call.text).catch((error) => end("threw", () => reject(error)));
    });
    return answered;
  }

  /** What a lost call has come to since: it went on without its caller. Now and then it is gone. */
  async reattach(id: string, step: StepContext): Promise<{ text: string } | undefined> {
    const { dice, ledger } = this.#world;
    const call = ledger.of(step.jobId, step.stepId).find(({ text }) => text === id);
    const isKept = call !== undefined && call.end !== "threw" && !dice.chance(0.2);
    this.#world.trace(this.#process.holder, () => `provider: ${isKept ? "keeps" : "has lost"} ${id}`);
    await new Promise<void>((resolve) => this.#process.after(dice.ms(10, 1_000), resolve));
    return isKept ? { text: id } : undefined;
  }

  #behave(behaviour: Behaviour, streams: boolean, step: StepContext, ends: Ends): void {
    const later = (ms: number, then: () => void): void => {
      this.#process.after(ms, then);
    };
    if (streams) this.#stream(step, later, behaviour === "slow" ? 4 : 2);
    const [ms, then] = this.#end(behaviour, streams, ends);
    if (then) later(ms, then);
  }

  /** When and how a call ends; one that is stuck does not. */
  #end(behaviour: Behaviour, streams: boolean, { answer, fail, wrong, down }: Ends): [ms: number, then?: () => void] {
    const { dice } = this.#world;
    const soonMs = dice.ms(10, 2_000) + (streams ? 1_500 : 0);
    switch (behaviour) {
      case "answer":
        return [soonMs, answer];
      case "slow":
        return [streams ? dice.int(6_000, 24_000) : dice.int(4_000, 9_000), answer];
      case "fail":
        return [soonMs, () => fail(new ProviderError("ProviderError"))];
      case "busy":
        return [soonMs, () => fail(new ProviderError("BusyError"))];
      case "refuse":
        return [
          soonMs,
          () => fail(dice.chance(0.5) ? new TerminalError("it never works") : new HeldError("not allowed")),
        ];
      case "down":
        return [dice.ms(1, 200), down];
      case "wrong":
        return [soonMs, wrong];
      case "kill":
      case "poison":
        return [soonMs, () => this.#process.crash("in the middle of a call")];
      case "stuck":
        return [0];
    }
  }

  #stream(step: StepContext, later: (ms: number, then: () => void) => void, chunks: number): void {
    for (let chunk = 1; chunk <= chunks; chunk++) {
      later((chunk * 1_400) / chunks, () => {
        if (!step.signal.aborted) step.progress(`${step.stepId}.${step.attempt}.${chunk} `);
      });
    }
  }

  #behaviour(jobId: string, stepId: string): Behaviour {
    const { dice, faults, ledger, originalFaults } = this.#world;
    if (ledger.isPoisonous(jobId, stepId, () => dice.chance(originalFaults.provider.poison))) return "poison";
    const plan = faults.provider;
    for (const kind of ["fail", "refuse", "busy", "slow", "stuck", "kill", "wrong"] as const) {
      if (dice.chance(plan[kind])) return kind;
    }
    return "answer";
  }

  #outageOf(capability: string): Outage | undefined {
    const { faults, scheduler } = this.#world;
    const sinceMs = scheduler.nowMs - BEGIN_MS;
    return faults.outages.find(
      ({ provider, fromMs, untilMs }) =>
        provider === GATED[capability]?.provider && fromMs <= sinceMs && sinceMs < untilMs,
    );
  }

  #name({ jobId, stepId, attempt }: ProviderCall): string {
    return `${this.#world.nameOf(jobId)} ${stepId}#${attempt}`;
  }
}
