import { randomBytes } from "node:crypto";
import { GetItemCommand, PutItemCommand } from "@aws-sdk/client-dynamodb";
import type { DynamoDbTable } from "./dynamodb-log-reader.ts";
import { keyOf, onCondition } from "./table-items.ts";
import { TABLE, TICKET_KEY_KEY } from "./table-schema.ts";
import { asUnavailable } from "./unavailable.ts";

/** A key that was taken out of the table signs and opens nothing after this time. */
const FRESH_MS = 60_000;
/** A ticket that was signed with another key may be one of a new key; but made-up tickets must not make a read each. */
const LEAST_MS = 5_000;

/**
 * The key that signs an instance's tickets: 32 random bytes in an item of the table, made by the first who needs it, kept by
 * each function for a minute. To replace it, delete the item (docs/decisions/2026-11-25-tickets.md).
 */
export class TicketKey {
  readonly #table: DynamoDbTable;
  #last: { readonly key: Uint8Array | undefined; readonly readAtMs: number } | undefined;

  constructor(table: DynamoDbTable) {
    this.#table = table;
  }

  /** The key, if there is one. @param again it was not the right one: look whether there is another by now */
  async find({ again = false } = {}): Promise<Uint8Array | undefined> {
    const nowMs = this.#table.clock.now();
    if (this.#last && nowMs - this.#last.readAtMs < (again || !this.#last.key ? LEAST_MS : FRESH_MS)) {
      return this.#last.key;
    }
    const key = await this.#read();
    this.#last = { key, readAtMs: nowMs };
    return key;
  }

  /** The key, made if there is none. */
  async get(): Promise<Uint8Array> {
    const found = await this.find();
    if (found) return found;
    await this.#make();
    const key = await this.#read();
    // It was there a moment ago: somebody deletes it in this very moment.
    if (key === undefined) throw asUnavailable(new Error("the key of tickets has gone"));
    this.#last = { key, readAtMs: this.#table.clock.now() };
    return key;
  }

  async #read(): Promise<Uint8Array | undefined> {
    const { Item } = await this.#table.client
      .send(new GetItemCommand({ TableName: this.#table.tableName, Key: KEY, ConsistentRead: true }))
      .catch((error: unknown) => {
        throw asUnavailable(error);
      });
    return Item?.k?.B;
  }

  /** Only the first of those who try at once makes one. */
  async #make(): Promise<void> {
    const put = new PutItemCommand({
      TableName: this.#table.tableName,
      Item: { ...KEY, k: { B: randomBytes(32) } },
      ConditionExpression: `attribute_not_exists(${TABLE.partitionKey})`,
    });
    await onCondition(this.#table.client.send(put));
  }
}

const KEY = keyOf({ partition: TICKET_KEY_KEY, sort: "key" });
