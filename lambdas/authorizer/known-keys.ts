import type { TenantId } from "../../src/contract/ids.ts";
import type { Clock } from "../../src/core/ports.ts";
import type { Logger } from "../../src/core/runtime.ts";
import { KeySet, Keys } from "./keys.ts";

export interface KnownKeysProps {
  /** Reads the secret's text. */
  readonly readKeys: () => Promise<string>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** A key that was revoked is refused after this time at the latest, besides the time that API Gateway keeps an answer. */
const FRESH_MS = 60_000;
/** While Secrets Manager does not answer, what was read last counts for this long. */
const STALE_MS = 900_000;
/** An unknown key may be a new one; but random keys must not make a call of Secrets Manager each. */
const LEAST_MS = 10_000;
/** Where nothing is known nobody gets in: the next try is soon, but not at every request. */
const RETRY_MS = 1_000;

/** The keys of a secret, read again from time to time. */
export class KnownKeys {
  readonly #props: KnownKeysProps;
  #asking: Promise<void> | undefined;
  #askedAtMs = Number.NEGATIVE_INFINITY;
  #answered = false;
  #last: { readonly keys: Keys; readonly readAtMs: number } | undefined;

  constructor(props: KnownKeysProps) {
    this.#props = props;
  }

  /** @param authorization the header. Throws where keys cannot be read */
  async tenantOf(authorization: string | undefined): Promise<TenantId | undefined> {
    return (await this.#keys(FRESH_MS)).tenantOf(authorization) ?? (await this.#keys(LEAST_MS)).tenantOf(authorization);
  }

  /** Keys that were asked for within `freshMs`; older ones, but not too old, while they cannot be read. */
  async #keys(freshMs: number): Promise<Keys> {
    const nowMs = this.#props.clock.now();
    const waitMs = this.#answered ? freshMs : this.#usable(nowMs) ? LEAST_MS : RETRY_MS;
    if (this.#asking === undefined && nowMs - this.#askedAtMs >= waitMs) {
      this.#askedAtMs = nowMs;
      this.#asking = this.#read(nowMs).finally(() => {
        this.#asking = undefined;
      });
    }
    await this.#asking;
    const keys = this.#usable(this.#props.clock.now());
    if (keys) return keys;
    throw new Error("the keys cannot be read");
  }

  #usable(nowMs: number): Keys | undefined {
    return this.#last && nowMs - this.#last.readAtMs < STALE_MS ? this.#last.keys : undefined;
  }

  async #read(nowMs: number): Promise<void> {
    const { readKeys, logger } = this.#props;
    try {
      const keys = new Keys(KeySet.parse(JSON.parse(await readKeys())).keys);
      this.#last = { keys, readAtMs: nowMs };
      this.#answered = true;
    } catch (error) {
      this.#answered = false;
      // Its message may quote the secret.
      logger.error("keys cannot be read", { error: (error as Error).name });
    }
  }
}
