import { type AttributeValue, UpdateItemCommand, type UpdateItemCommandInput } from "@aws-sdk/client-dynamodb";
import type { Item } from "./commit-item.ts";
import type { DynamoDbTable } from "./dynamodb-log-reader.ts";
import { keyOf, onCondition, type Place, queryAll } from "./table-items.ts";
import { TABLE } from "./table-schema.ts";

/** A conditional update. `#ttl` is the item's expiry. */
export type Change = Pick<
  UpdateItemCommandInput,
  "UpdateExpression" | "ConditionExpression" | "ExpressionAttributeNames" | "ExpressionAttributeValues"
>;

/** How long a record is kept after it has lost its meaning. */
const KEPT_MS = 2 * 86_400_000;

/** Small items of the table that are read whole and changed in place, by calls that workers may make anyhow. */
export class LimitItems {
  readonly #table: DynamoDbTable;

  constructor(table: DynamoDbTable) {
    this.#table = table;
  }

  /** When an item may be deleted that counts until then. @param untilMs @default now */
  expiry(untilMs = 0): AttributeValue {
    return number(Math.ceil((Math.max(untilMs, this.#table.clock.now()) + KEPT_MS) / 1_000));
  }

  async get({ partition, sort }: Place): Promise<Item | undefined> {
    const [item] = await queryAll(this.#table, {
      KeyConditionExpression: `${TABLE.partitionKey} = :partition AND ${TABLE.sortKey} = :sort`,
      ExpressionAttributeValues: { ":partition": { S: partition }, ":sort": { S: sort } },
    });
    return item;
  }

  list(partition: string): Promise<Item[]> {
    return queryAll(this.#table, {
      KeyConditionExpression: `${TABLE.partitionKey} = :partition`,
      ExpressionAttributeValues: { ":partition": { S: partition } },
    });
  }

  /** The attributes that were changed, as they are now; undefined where the condition does not hold. */
  async update(place: Place, change: Change): Promise<Item | undefined> {
    const names = {
      ...change.ExpressionAttributeNames,
      ...(change.UpdateExpression?.includes("#ttl") ? { "#ttl": TABLE.timeToLive } : {}),
    };
    const update = new UpdateItemCommand({
      TableName: this.#table.tableName,
      Key: keyOf(place),
      ...change,
      ...(Object.keys(names).length > 0 ? { ExpressionAttributeNames: names } : {}),
      ReturnValues: "UPDATED_NEW",
    });
    const answer = await onCondition(this.#table.client.send(update));
    return answer && (answer.Attributes ?? {});
  }
}

/** To a thousandth of a millisecond: a token's share of a large rate is a fraction of one. */
export const number = (value: number): AttributeValue => ({ N: String(Math.round(value * 1_000) / 1_000) });
