import type { JobId, TenantId } from "../../contract/ids.ts";
import type { Connection, Subscribers, Subscription } from "../../core/subscribers.ts";
import type { Item } from "./commit-item.ts";
import type { DynamoDbTable } from "./dynamodb-log-reader.ts";
import { PlacedItems } from "./placed-items.ts";
import {
  connectionItem,
  connectionOf,
  connectionPlace,
  type Entry,
  entriesOf,
  entryOf,
  entryValue,
  expiry,
  type Followed,
  followed,
  followPlace,
  jobPartition,
  placeOf,
  type SubscriptionKey,
  subscriptionItem,
  subscriptionOf,
  tenantOf,
  tenantPartition,
} from "./subscriber-items.ts";
import type { Place } from "./table-items.ts";

/**
 * Connections and subscriptions as items of the one table, in partitions of their own: what may write them may write no log.
 * Of a job that nobody watches there is none, and one read says so. How they look: {@link connectionItem}.
 *
 * 1. A subscription is entered with its connection first and with its job then, and its connection must still list it after that (or
 *    that from which it follows), else it is taken back: whatever a crash leaves, a connection knows what it has left behind, and
 *    nothing comes to a job after its connection's end.
 * 2. Everything is changed for the token that it was made with: what has taken its place is not touched.
 */
export class DynamoDbSubscribers implements Subscribers {
  readonly #items: PlacedItems;

  constructor(table: DynamoDbTable) {
    this.#items = new PlacedItems(table);
  }

  async connect(connection: Connection): Promise<void> {
    await this.#items.put(connectionPlace(connection.id), connectionItem(connection));
  }

  async connection(id: string): Promise<Connection | undefined> {
    const item = await this.#connection(id);
    return item && connectionOf(id, item);
  }

  async disconnect(connectionId: string): Promise<void> {
    const place = connectionPlace(connectionId);
    const all = await this.#items.query(place.partition);
    const old = await this.#items.delete(place);
    await Promise.all([
      ...entriesOf(old).map(([id, entry]) => this.#remove({ connectionId, id }, entry, tenantOf(old ?? {}))),
      ...all
        .flatMap((item) => followed(item) ?? [])
        .map(({ id, ...entry }) => this.#unfollow({ connectionId, id }, entry, tenantOf(old ?? {}))),
    ]);
  }

  async blame(id: string): Promise<number> {
    const changed = await this.#items.update(
      connectionPlace(id),
      {
        UpdateExpression: "ADD b :one",
        ConditionExpression: "attribute_exists(m)",
        ExpressionAttributeValues: { ":one": { N: "1" } },
      },
      "UPDATED_NEW",
    );
    return Number(changed?.b?.N ?? "0");
  }

  async subscribe(subscription: Subscription, most: number): Promise<"added" | "full" | "gone"> {
    const { connectionId, id, jobId, tenant, token, isDerived } = subscription;
    const place = placeOf(subscription, jobId, tenant);
    if (isDerived) await this.#derive(subscription, place);
    else {
      const entered = await this.#enter(subscription, most);
      if (entered === undefined) return (await this.#connection(connectionId)) === undefined ? "gone" : "full";
      for (const old of entered) await this.#remove({ connectionId, id }, old, tenant);
      await this.#items.put(place, subscriptionItem(subscription), {
        ConditionExpression: "attribute_not_exists(k) OR k <> :token",
        ExpressionAttributeValues: { ":token": { S: token } },
      });
    }
    const entry = entryOf(await this.#connection(connectionId), id);
    // One in its place that is to the same job has the same place there: whichever was put last, it is that one's now.
    if (entry && (isDerived ? entry.token === token : entry.jobId === jobId)) return "added";
    await this.end(subscription);
    return "gone";
  }

  /** Puts it into its connection's list. What it has replaced there; undefined where there is no room, or no connection. */
  async #enter({ connectionId, id, jobId, token }: Subscription, most: number): Promise<Entry[] | undefined> {
    const old = await this.#items.update(
      connectionPlace(connectionId),
      {
        UpdateExpression: "SET m.#id = :entry",
        ConditionExpression: "attribute_exists(m) AND (attribute_exists(m.#id) OR size(m) < :most)",
        ExpressionAttributeNames: { "#id": id },
        ExpressionAttributeValues: { ":entry": entryValue({ jobId, token }), ":most": { N: String(most) } },
      },
      "UPDATED_OLD",
    );
    return old && entriesOf(old).flatMap(([, entry]) => (entry.token === token ? [] : [entry]));
  }

  async #derive(subscription: Subscription, place: Place): Promise<void> {
    const { jobId, token, expiresMs } = subscription;
    if (jobId === undefined) throw new TypeError("what is derived is to one job");
    const free = { ConditionExpression: "attribute_not_exists(k)" };
    await this.#items.put(followPlace(subscription, jobId), { ...expiry(expiresMs), k: { S: token } }, free);
    await this.#items.put(place, subscriptionItem(subscription), free);
  }

  async unsubscribe(connectionId: string, id: string): Promise<void> {
    const key = { connectionId, id };
    const connection = await this.#connection(connectionId);
    const entry = entryOf(connection, id);
    if (connection === undefined || entry === undefined) return;
    await this.#strike(key, entry.token);
    await this.#remove(key, entry, tenantOf(connection));
  }

  async end(subscription: Subscription): Promise<void> {
    const { jobId, tenant, token, isDerived } = subscription;
    await this.#items.delete(placeOf(subscription, jobId, tenant), token);
    if (!isDerived || jobId === undefined) await this.#strike(subscription, token);
    else await this.#items.delete(followPlace(subscription, jobId), token);
  }

  async ofJob(jobId: JobId): Promise<readonly Subscription[]> {
    return (await this.#items.query(jobPartition(jobId))).map((item) => subscriptionOf(item, jobId));
  }

  async ofTenant(tenant: TenantId): Promise<readonly Subscription[]> {
    return (await this.#items.query(tenantPartition(tenant))).map((item) => subscriptionOf(item, undefined));
  }

  async advance(subscription: Subscription, afterSeq: number): Promise<boolean> {
    const { jobId, tenant, token } = subscription;
    const place = placeOf(subscription, jobId, tenant);
    const moved = await this.#items.update(
      place,
      {
        UpdateExpression: "SET a = :seq",
        ConditionExpression: "k = :token AND a < :seq",
        ExpressionAttributeValues: { ":token": { S: token }, ":seq": { N: String(afterSeq) } },
      },
      "UPDATED_NEW",
    );
    if (moved !== undefined) return true;
    const [there] = await this.#items.query(place.partition, place.sort);
    return there?.k?.S === token;
  }

  async #connection(id: string): Promise<Item | undefined> {
    const { partition, sort } = connectionPlace(id);
    const [item] = await this.#items.query(partition, sort);
    return item;
  }

  /** Takes a name out of its connection's list, if it stands for this. */
  async #strike({ connectionId, id }: SubscriptionKey, token: string): Promise<void> {
    await this.#items.update(
      connectionPlace(connectionId),
      {
        UpdateExpression: "REMOVE m.#id",
        ConditionExpression: "m.#id.k = :token",
        ExpressionAttributeNames: { "#id": id },
        ExpressionAttributeValues: { ":token": { S: token } },
      },
      "UPDATED_OLD",
    );
  }

  /** Removes what an entry of a connection stands for: with all of a tenant's what is derived from it, too. */
  async #remove(key: SubscriptionKey, { jobId, token }: Entry, tenant: TenantId): Promise<void> {
    await this.#items.delete(placeOf(key, jobId, tenant), token);
    if (jobId !== undefined) return;
    const { partition, sort } = followPlace(key, "");
    const all = await this.#items.query(partition, sort);
    await Promise.all(
      all.flatMap((item) => followed(item) ?? []).map((derived) => this.#unfollow(key, derived, tenant)),
    );
  }

  async #unfollow(key: SubscriptionKey, { jobId, token }: Followed, tenant: TenantId): Promise<void> {
    await this.#items.delete(placeOf(key, jobId, tenant), token);
    await this.#items.delete(followPlace(key, jobId), token);
  }
}
