import { z } from "zod";
import type { Usage } from "../contract/events.ts";
import { DefinitionError } from "./errors.ts";

/** What a provider allows, or what an app wants to take of it. Each is a bucket of its own. */
export interface Rate {
  readonly requestsPerMinute?: number;
  readonly tokensPerMinute?: number;
}

const MINUTE_MS = 60_000;
/**
 * What a bucket holds, in time of its rate. Within any minute a sixth more than the rate may pass. Providers' own buckets
 * hold more, some of them a whole minute's; one that is emptied at once is answered by 429, which opens the circuit.
 */
const BURST_MS = 10_000;
/** The most that one call costs: an estimate or a count that is wrong by far must not close the bucket for days. */
const MAX_COST_MS = 5 * MINUTE_MS;

const perMinute = z.number().int().min(1).max(1_000_000_000).optional();
const RateShape = z.strictObject({ requestsPerMinute: perMinute, tokensPerMinute: perMinute });

/** An app's rates. Throws {@link DefinitionError} for one that limits nothing, or that is not named as providers are. */
export function checkedRates(rates: Readonly<Record<string, Rate>>): ReadonlyMap<string, Rate> {
  return new Map(
    Object.entries(rates).map(([name, rate]) => {
      if (!/^\S{1,200}$/.test(name)) {
        throw new DefinitionError(
          "a rate must be named by a model such as openai:gpt-5 or its provider, such as openai, without spaces and " +
            `at most 200 characters; got ${JSON.stringify(name)}`,
        );
      }
      const checked = RateShape.safeParse(rate);
      if (!checked.success) throw new DefinitionError(`rate ${name}: ${z.prettifyError(checked.error)}`);
      const { requestsPerMinute, tokensPerMinute } = checked.data;
      if (requestsPerMinute === undefined && tokensPerMinute === undefined) {
        throw new DefinitionError(`rate ${name} must have requestsPerMinute or tokensPerMinute; got neither`);
      }
      return [name, Object.freeze({ ...rate })];
    }),
  );
}

/**
 * The rate that holds for a provider, and its name: that of the model (`openai:gpt-5`), or else of its provider (`openai`),
 * which the models without one share.
 */
export function rateOf(
  rates: ReadonlyMap<string, Rate>,
  name: string,
): { readonly name: string; readonly rate: Rate } | undefined {
  const provider = name.split(":", 1)[0] ?? name;
  for (const key of [name, provider]) {
    const rate = rates.get(key);
    if (rate) return { name: key, rate };
  }
  return undefined;
}

/** An amount as a time of the bucket's rate, in ms. */
export const costMs = (amount: number, perMinute: number): number =>
  Math.min((amount * MINUTE_MS) / perMinute, MAX_COST_MS);

/** A bucket holds one request at least. */
export const burstMs = (perMinute: number): number => Math.max(BURST_MS, MINUTE_MS / perMinute);

/**
 * How far a step may put a bucket into debt: by as much as it has waited, up to its cost. Once it has waited for as long as
 * the rate takes to bring its cost, it passes wherever there is no debt: what has its size is kept out no longer than what
 * is small, and a step that has just come, which may make no debt, keeps out nobody who waits. So any window has its rate,
 * a burst and one call.
 */
export const creditMs = (ask: { readonly costMs: number }, waitedMs: number): number =>
  Math.min(ask.costMs, Math.max(0, waitedMs));

/** What a settlement changes, in ms: what was used, less what was reserved. */
export const settlementMs = (reserved: number, used: number, perMinute: number): number =>
  costMs(used, perMinute) - costMs(reserved, perMinute);

/** Tokens that a call used; undefined where the provider did not count both kinds. */
export function tokensOf(usage: Usage | undefined): number | undefined {
  const { inputTokens, outputTokens } = usage ?? {};
  return inputTokens === undefined || outputTokens === undefined ? undefined : inputTokens + outputTokens;
}

/** What a step needs of a bucket. */
export interface Need {
  readonly kind: "requests" | "tokens";
  /** The bucket's. */
  readonly key: string;
  readonly amount: number;
  readonly perMinute: number;
  readonly ask: { readonly costMs: number; readonly burstMs: number };
}

/** What one call needs of a provider's buckets. @param tokens as far as its capability can tell */
export function needsOf(name: string, rate: Rate, tokens = 0): Need[] {
  const need = (kind: Need["kind"], amount: number, perMinute: number | undefined): Need[] => {
    if (perMinute === undefined) return [];
    const ask = { costMs: costMs(amount, perMinute), burstMs: burstMs(perMinute) };
    return [{ kind, key: `${kind}:${name}`, amount, perMinute, ask }];
  };
  return [...need("requests", 1, rate.requestsPerMinute), ...need("tokens", tokens, rate.tokensPerMinute)];
}
