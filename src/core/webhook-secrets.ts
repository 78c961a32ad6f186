import type { TenantId } from "../contract/ids.ts";
import { SECRET_OVERLAP_MS, type WebhookSecret } from "../contract/webhooks.ts";
import { changeRecord } from "./change-record.ts";
import { iso } from "./iso.ts";
import type { Records } from "./ports.ts";

const KEY = "webhook-secret";

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

  #change(tenant: TenantId, change: (kept: WebhookSecret) => WebhookSecret): Promise<WebhookSecret> {
    const record = { owner: { secretsOf: tenant }, key: KEY, what: "the webhook secret" };
    return changeRecord(this.#records, record, (kept: WebhookSecret | undefined) =>
      change(kept ?? { secret: this.#newSecret() }),
    );
  }
}

const current = ({ secret, previous }: WebhookSecret, nowMs: number): WebhookSecret =>
  previous && Date.parse(previous.until) > nowMs ? { secret, previous } : { secret };

/** All that sign now. */
export const signingSecrets = ({ secret, previous }: WebhookSecret): string[] =>
  previous ? [secret, previous.secret] : [secret];
