import { createHash } from "node:crypto";
import type { AttributeValue } from "@aws-sdk/client-dynamodb";
import type { Entry, Limits, Reservable, Reserved, StoredCircuit } from "../../core/ports.ts";
import { decideReservation } from "../../core/token-bucket.ts";
import type { Item } from "./commit-item.ts";
import type { DynamoDbTable } from "./dynamodb-log-reader.ts";
import { type Change, LimitItems, number } from "./limit-items.ts";
import { CIRCUITS_KEY, LIMITS_PREFIX, setKey, TABLE } from "./table-schema.ts";

/** Others may change a record between our look and our write. A bucket needs three tries at most, see `reserve`. */
const MAX_TRIES = 5;
/** Entries that one write clears away: what an expression may hold is bounded. */
const MAX_CLEARED = 50;

/**
 * Limits as items of the one table, in partitions that are no job's: `limit#rate#KEY` with `tat`, when the bucket is full
 * again in epoch ms; `limit#circuits` with an item a circuit, `v` its version and `r` its record; `limit#set#KEY` with `m`,
 * a map of hashed ids to when they count no more.
 *
 * Each method looks first, which costs a tenth of a write: to be refused, as most are in a backlog, costs no write. What
 * is written is conditional, so that it holds whatever others have done since. The SDK sends an update again whose answer
 * was lost: a bucket may then pay, or be given back, twice; a circuit refuses the second as a stale one, though it was the
 * first; an id in a set stays one entry.
 */
export class DynamoDbLimits implements Limits {
  readonly #items: LimitItems;

  constructor(table: DynamoDbTable) {
    this.#items = new LimitItems(table);
  }

  /**
   * The condition is a range and the change an addition, so those who take from a bucket at once do not disturb each
   * other. Only the first to take from a full one sets its time; who loses that race finds it not full and adds.
   */
  async reserve(key: string, ask: Reservable): Promise<Reserved> {
    const { costMs, burstMs, nowMs } = ask;
    const at = { partition: `${LIMITS_PREFIX}rate#${key}`, sort: "tat" };
    const values = { ":now": number(nowMs), ":ttl": this.#items.expiry(nowMs + burstMs + costMs) };
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const fullAtMs = (await this.#items.get(at))?.tat?.N;
      const decision = decideReservation(fullAtMs === undefined ? undefined : Number(fullAtMs), ask);
      if (decision.kind === "refused") return { granted: false, retryAtMs: Math.ceil(decision.retryAtMs) };
      const written =
        decision.kind === "from-full"
          ? await this.#items.update(at, {
              UpdateExpression: "SET tat = :full, #ttl = :ttl",
              ConditionExpression: "attribute_not_exists(tat) OR tat <= :now",
              ExpressionAttributeValues: { ...values, ":full": number(decision.fullAtMs) },
            })
          : await this.#items.update(at, {
              UpdateExpression: "SET #ttl = :ttl ADD tat :cost",
              ConditionExpression: "tat > :now AND tat <= :latest",
              ExpressionAttributeValues: {
                ...values,
                ":cost": number(costMs),
                ":latest": number(decision.latestMs),
              },
            });
      if (written) return { granted: true, usedMs: Number(written.tat?.N) - nowMs };
    }
    return { granted: false, retryAtMs: nowMs };
  }

  /** A bucket that is not kept any more is full, and is so afterwards: what is added to nothing is long past. */
  async settle(key: string, deltaMs: number): Promise<void> {
    await this.#items.update(
      { partition: `${LIMITS_PREFIX}rate#${key}`, sort: "tat" },
      {
        UpdateExpression: "SET #ttl = :ttl ADD tat :delta",
        ExpressionAttributeValues: { ":delta": number(deltaMs), ":ttl": this.#items.expiry() },
      },
    );
  }

  async circuit(key: string): Promise<StoredCircuit | undefined> {
    const item = await this.#items.get({ partition: CIRCUITS_KEY, sort: key });
    return item && circuitOf(item);
  }

  async circuits(): Promise<readonly (StoredCircuit & { readonly key: string })[]> {
    const items = await this.#items.list(CIRCUITS_KEY);
    return items.map((item) => ({ key: item[TABLE.sortKey]?.S ?? "", ...circuitOf(item) }));
  }

  async changeCircuit(key: string, record: string, expectedVersion: number): Promise<boolean> {
    const changed = await this.#items.update(
      { partition: CIRCUITS_KEY, sort: key },
      {
        UpdateExpression: "SET v = :next, r = :record, #ttl = :ttl",
        ConditionExpression: expectedVersion === 0 ? "attribute_not_exists(v)" : "v = :expected",
        ExpressionAttributeValues: {
          ":next": number(expectedVersion + 1),
          ":record": { S: record },
          ":ttl": this.#items.expiry(),
          ...(expectedVersion === 0 ? {} : { ":expected": number(expectedVersion) }),
        },
      },
    );
    return changed !== undefined;
  }

  async enter(key: string, id: string, { untilMs, most, nowMs }: Entry): Promise<boolean> {
    const at = { partition: setKey(key), sort: "ids" };
    const name = shortId(id);
    const entry = { ":until": number(untilMs), ":ttl": this.#items.expiry(untilMs) };
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const set = (await this.#items.get(at))?.m?.M;
      if (set === undefined) {
        const { ":until": until = number(untilMs), ":ttl": ttl } = entry;
        const made = await this.#items.update(at, {
          UpdateExpression: "SET m = :m, #ttl = :ttl",
          ConditionExpression: "attribute_not_exists(m)",
          ExpressionAttributeValues: { ":m": { M: { [name]: until } }, ":ttl": ttl },
        });
        if (made) return true;
        continue;
      }
      const counts = (until: AttributeValue | undefined): boolean => Number(until?.N) > nowMs;
      const others = Object.entries(set).filter(([other]) => other !== name);
      const live = others.filter(([, until]) => counts(until)).length;
      if (!counts(set[name]) && live >= most) return false;
      const past = others.filter(([, until]) => !counts(until));
      const cleared = clearing(past.slice(0, MAX_CLEARED));
      if (past.length > MAX_CLEARED) {
        await this.#items.update(at, cleared);
        continue;
      }
      // Of the size that the set has now, those who are cleared away, and an entry of the same id, take no room.
      const room = most + past.length + (name in set ? 1 : 0);
      const entered = await this.#items.update(at, {
        UpdateExpression: `SET m.#id = :until, #ttl = :ttl ${cleared.UpdateExpression}`,
        ConditionExpression: [
          counts(set[name]) ? "attribute_exists(m.#id)" : "size(m) < :room",
          ...(past.length > 0 ? [cleared.ConditionExpression] : []),
        ].join(" AND "),
        ExpressionAttributeNames: { "#id": name, ...cleared.ExpressionAttributeNames },
        ExpressionAttributeValues: {
          ...entry,
          ...(counts(set[name]) ? {} : { ":room": number(room) }),
          ...cleared.ExpressionAttributeValues,
        },
      });
      if (entered) return true;
    }
    return false;
  }

  async leave(key: string, id: string): Promise<void> {
    await this.#items.update(
      { partition: setKey(key), sort: "ids" },
      {
        UpdateExpression: "REMOVE m.#id",
        ConditionExpression: "attribute_exists(m.#id)",
        ExpressionAttributeNames: { "#id": shortId(id) },
      },
    );
  }
}

/** Removes entries as they were seen: one that has been renewed since stays. */
function clearing(past: readonly (readonly [string, AttributeValue])[]): Change {
  const all = past.map(([name, until], n) => ({ name, until, path: `m.#past${n}` }));
  return {
    UpdateExpression: all.length > 0 ? `REMOVE ${all.map(({ path }) => path).join(", ")}` : "",
    ConditionExpression: all.map(({ path }, n) => `${path} = :past${n}`).join(" AND "),
    ExpressionAttributeNames: Object.fromEntries(all.map(({ name }, n) => [`#past${n}`, name])),
    ExpressionAttributeValues: Object.fromEntries(all.map(({ until }, n) => [`:past${n}`, until])),
  };
}

/** Throws for an item that is no circuit of ours. */
function circuitOf({ r, v }: Item): StoredCircuit {
  const version = Number(v?.N);
  if (r?.S === undefined || !Number.isSafeInteger(version)) throw new TypeError("an item of the table is no circuit");
  return { record: r.S, version };
}

/** An item's size is what a write costs: 20 bytes an entry, whatever the id. */
const shortId = (id: string): string => createHash("sha256").update(id).digest("base64url").slice(0, 16);
