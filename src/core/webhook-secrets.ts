import type { TenantId } from "../contract/ids.ts";
import { SECRET_OVERLAP_MS, type WebhookSecret } from "../contract/webhooks.ts";
import { ContentionError } from "./errors.ts";
import { iso } from "./iso.ts";
import type { Records } from "./ports.ts";

const KEY = "webhook-secret";
const MAX_TRIES = 5;

/**
 * The secrets with which a tenant's webhooks are signed, made on first use.
 *
 * @param newSecret makes one: `whsec_` and the base64 of 24 to 64 random bytes
 */
export class WebhookSecrets {
  readonly #records: Records;
  readonly #newSecret: () => string;

  constructor(records: Records, newSecret: () => string) {
    this.#records = records;
    this.#newSecret = newSecret;
  }

  async of(tenant: TenantId, nowMs: number): Promise<WebhookSecret> {
    return current(await this.#change(tenant, (kept) => kept), nowMs);
  }

  /** Makes a new one. The one before it goes on signing for {@link SECRET_OVERLAP_MS}; one before that signs no more. */
  async rotate(tenant: TenantId, nowMs: number): Promise<WebhookSecret> {
    return this.#change(tenant, ({ secret }) => ({
      secret: this.#newSecret(),
      previous: { secret, until: iso(nowMs + SECRET_OVERLAP_MS) },
    }));
  }

  async #change(tenant: TenantId, change: (kept: WebhookSecret) => WebhookSecret): Promise<WebhookSecret> {
    for (let tries = 1; tries <= MAX_TRIES; tries++) {
      const stored = await this.#records.get({ secretsOf: tenant }, KEY);
      const kept = stored ? (JSON.parse(stored.text) as WebhookSecret) : { secret: this.#newSecret() };
      const changed = change(kept);
      if (stored && changed === kept) return kept;
      const version = stored?.version ?? 0;
      if (await this.#records.change({ secretsOf: tenant }, KEY, JSON.stringify(changed), version)) return changed;
    }
    throw new ContentionError(`the webhook secret could not be changed: ${MAX_TRIES} times another was faster`);
  }
}

const current = ({ secret, previous }: WebhookSecret, nowMs: number): WebhookSecret =>
  previous && Date.parse(previous.until) > nowMs ? { secret, previous } : { secret };

/** All that sign now. */
export const signingSecrets = ({ secret, previous }: WebhookSecret): string[] =>
  previous ? [secret, previous.secret] : [secret];
