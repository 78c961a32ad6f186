import type { JobId, TenantId } from "../../contract/ids.ts";
import type { Connection, Subscribers, Subscription } from "../../core/subscribers.ts";

interface Kept extends Connection {
  bad: number;
  /** By id and job. */
  readonly subscriptions: Map<string, Subscription>;
}

/** Connections live and die with their process, and so does what is known of them. */
export class MemorySubscribers implements Subscribers {
  readonly #connections = new Map<string, Kept>();
  readonly #byJob = new Map<JobId, Map<string, Subscription>>();
  readonly #byTenant = new Map<TenantId, Map<string, Subscription>>();

  async connect(connection: Connection): Promise<void> {
    this.#connections.set(connection.id, { ...connection, bad: 0, subscriptions: new Map() });
  }

  async connection(id: string): Promise<Connection | undefined> {
    return this.#connections.get(id);
  }

  async disconnect(id: string): Promise<void> {
    const kept = this.#connections.get(id);
    this.#connections.delete(id);
    for (const subscription of kept?.subscriptions.values() ?? []) this.#unlist(subscription);
  }

  async blame(id: string): Promise<number> {
    const kept = this.#connections.get(id);
    if (kept === undefined) return 0;
    kept.bad += 1;
    return kept.bad;
  }

  async subscribe(subscription: Subscription, most: number): Promise<"added" | "full" | "gone"> {
    const kept = this.#connections.get(subscription.connectionId);
    if (kept === undefined) return "gone";
    const place = placeOf(subscription);
    if (subscription.isDerived) {
      const all = kept.subscriptions.get(placeOf({ ...subscription, jobId: undefined }));
      if (all?.token !== subscription.token) return "gone";
      if (kept.subscriptions.has(place)) return "added";
    }
    if (kept.subscriptions.get(place)?.token === subscription.token) return "added";
    const others = [...kept.subscriptions].filter(([other, { isDerived }]) => other !== place && !isDerived);
    if (!subscription.isDerived && others.length >= most) return "full";
    kept.subscriptions.set(place, subscription);
    const { listed, key } = this.#listOf(subscription, true);
    listed?.set(key, subscription);
    return "added";
  }

  /** The same id may stand for several jobs, where it is to all of a tenant's. */
  async unsubscribe(connectionId: string, id: string): Promise<void> {
    for (const subscription of this.#connections.get(connectionId)?.subscriptions.values() ?? []) {
      if (subscription.id === id) this.#forget(subscription);
    }
  }

  async end(subscription: Subscription): Promise<void> {
    const { listed, key } = this.#listOf(subscription);
    if (listed?.get(key)?.token === subscription.token) this.#forget(subscription);
  }

  async ofJob(jobId: JobId): Promise<readonly Subscription[]> {
    return [...(this.#byJob.get(jobId)?.values() ?? [])];
  }

  async ofTenant(tenant: TenantId): Promise<readonly Subscription[]> {
    return [...(this.#byTenant.get(tenant)?.values() ?? [])];
  }

  async advance(subscription: Subscription, afterSeq: number): Promise<boolean> {
    const { listed, key } = this.#listOf(subscription);
    const current = listed?.get(key);
    if (current?.token !== subscription.token) return false;
    if (afterSeq <= current.afterSeq) return true;
    const moved = { ...current, afterSeq };
    listed?.set(key, moved);
    this.#connections.get(current.connectionId)?.subscriptions.set(placeOf(current), moved);
    return true;
  }

  #forget(subscription: Subscription): void {
    this.#connections.get(subscription.connectionId)?.subscriptions.delete(placeOf(subscription));
    this.#unlist(subscription);
  }

  #unlist(subscription: Subscription): void {
    const { listed, key } = this.#listOf(subscription);
    listed?.delete(key);
    if (listed?.size !== 0) return;
    if (subscription.jobId === undefined) this.#byTenant.delete(subscription.tenant);
    else this.#byJob.delete(subscription.jobId);
  }

  /** Where a subscription is found by what it is to, made if asked for. */
  #listOf({ connectionId, id, jobId, tenant }: Subscription, make = false) {
    const key = `${connectionId} ${id}`;
    const listed = jobId === undefined ? this.#byTenant.get(tenant) : this.#byJob.get(jobId);
    if (listed !== undefined || !make) return { listed, key };
    const made = new Map<string, Subscription>();
    if (jobId === undefined) this.#byTenant.set(tenant, made);
    else this.#byJob.set(jobId, made);
    return { listed: made, key };
  }
}

const placeOf = ({ id, jobId }: Subscription): string => `${id} ${jobId}`;
