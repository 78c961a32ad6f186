import type { TenantId } from "../contract/ids.ts";
import { OWN_WEBHOOK, type Told, type WebhookEndpoint, type WebhookRequest } from "../contract/webhooks.ts";
import { changeRecord } from "./change-record.ts";
import { iso } from "./iso.ts";
import type { Records } from "./ports.ts";

/** Of records that stand for what follows a tenant's jobs to come: all of them are read, by one query, at each submission. */
export const FOLLOWS = "follows#";
const PREFIX = `${FOLLOWS}webhook#`;

/** The endpoints of tenants. */
export class WebhookEndpoints {
  readonly #records: Records;

  constructor(records: Records) {
    this.#records = records;
  }

  /** All of them, the oldest first. */
  async of(tenant: TenantId): Promise<WebhookEndpoint[]> {
    const stored = await this.#records.list({ tenant }, PREFIX);
    return stored
      .map(({ text }) => JSON.parse(text) as WebhookEndpoint)
      .sort((a, b) => (a.createdAt < b.createdAt ? -1 : 1));
  }

  async get(tenant: TenantId, id: string): Promise<WebhookEndpoint | undefined> {
    const stored = await this.#records.get({ tenant }, PREFIX + id);
    return stored && (JSON.parse(stored.text) as WebhookEndpoint);
  }

  async add(tenant: TenantId, endpoint: WebhookEndpoint): Promise<void> {
    await this.#records.change({ tenant }, PREFIX + endpoint.id, JSON.stringify(endpoint), 0);
  }

  /** The endpoint as it is now; undefined where there is none. */
  enable(tenant: TenantId, id: string): Promise<WebhookEndpoint | undefined> {
    return this.#change(tenant, id, ({ disabledAt: _, disabledBecause: __, ...endpoint }) => endpoint);
  }

  disable(tenant: TenantId, id: string, because: string, nowMs: number): Promise<WebhookEndpoint | undefined> {
    return this.#change(tenant, id, (endpoint) =>
      endpoint.disabledAt === undefined ? { ...endpoint, disabledAt: iso(nowMs), disabledBecause: because } : endpoint,
    );
  }

  /** The endpoint as it was; undefined where there was none. */
  async remove(tenant: TenantId, id: string): Promise<WebhookEndpoint | undefined> {
    const endpoint = await this.get(tenant, id);
    return endpoint && (await this.#records.remove({ tenant }, PREFIX + id)) ? endpoint : undefined;
  }

  #change(
    tenant: TenantId,
    id: string,
    change: (endpoint: WebhookEndpoint) => WebhookEndpoint,
  ): Promise<WebhookEndpoint | undefined> {
    const record = { owner: { tenant }, key: PREFIX + id, what: `endpoint ${id}` };
    return changeRecord(this.#records, record, (kept: WebhookEndpoint | undefined) => kept && change(kept));
  }
}

/** Whom the events of a job are told that begins now: its own webhook, and its tenant's endpoints that are enabled. */
export function toldOf(own: WebhookRequest | undefined, endpoints: readonly WebhookEndpoint[]): Told[] {
  return [
    ...(own ? [{ webhook: OWN_WEBHOOK, url: own.url, events: [...own.events] }] : []),
    ...endpoints
      .filter(({ disabledAt }) => disabledAt === undefined)
      .map(({ id, events }) => ({ webhook: id, events: [...events] })),
  ];
}
