import {
  type AttributeValue,
  ConditionalCheckFailedException,
  QueryCommand,
  type QueryCommandInput,
  UpdateItemCommand,
  type UpdateItemCommandInput,
} from "@aws-sdk/client-dynamodb";
import type { Item } from "./commit-item.ts";
import type { DynamoDbTable } from "./dynamodb-log-reader.ts";
import { TABLE } from "./table-schema.ts";
import { asUnavailable } from "./unavailable.ts";

export interface Place {
  readonly partition: string;
  readonly sort: string;
}

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
    const [item] = await this.#query(`${TABLE.partitionKey} = :partition AND ${TABLE.sortKey} = :sort`, {
      ":partition": { S: partition },
      ":sort": { S: sort },
    });
    return item;
  }

  list(partition: string): Promise<Item[]> {
    return this.#query(`${TABLE.partitionKey} = :partition`, { ":partition": { S: partition } });
  }

  /** The attributes that were changed, as they are now; undefined where the condition does not hold. */
  async update({ partition, sort }: Place, change: Change): Promise<Item | undefined> {
    const names = {
      ...change.ExpressionAttributeNames,
      ...(change.UpdateExpression?.includes("#ttl") ? { "#ttl": TABLE.timeToLive } : {}),
    };
    try {
      const { Attributes = {} } = await this.#table.client.send(
        new UpdateItemCommand({
          TableName: this.#table.tableName,
          Key: { [TABLE.partitionKey]: { S: partition }, [TABLE.sortKey]: { S: sort } },
          ...change,
          ...(Object.keys(names).length > 0 ? { ExpressionAttributeNames: names } : {}),
          ReturnValues: "UPDATED_NEW",
        }),
      );
      return Attributes;
    } catch (error) {
      if (error instanceof ConditionalCheckFailedException) return undefined;
      throw asUnavailable(error);
    }
  }

  /** Strongly consistent: whoever has left or given back is seen to have. */
  async #query(condition: string, values: Item): Promise<Item[]> {
    const items: Item[] = [];
    let start: QueryCommandInput["ExclusiveStartKey"];
    do {
      const query = new QueryCommand({
        TableName: this.#table.tableName,
        ConsistentRead: true,
        KeyConditionExpression: condition,
        ExpressionAttributeValues: values,
        ...(start ? { ExclusiveStartKey: start } : {}),
      });
      const page = await this.#table.client.send(query).catch((error: unknown) => {
        throw asUnavailable(error);
      });
      items.push(...(page.Items ?? []));
      start = page.LastEvaluatedKey;
    } while (start);
    return items;
  }
}

/** To a thousandth of a millisecond: a token's share of a large rate is a fraction of one. */
export const number = (value: number): AttributeValue => ({ N: String(Math.round(value * 1_000) / 1_000) });
