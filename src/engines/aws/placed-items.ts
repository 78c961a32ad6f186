import {
  DeleteItemCommand,
  PutItemCommand,
  type PutItemCommandInput,
  UpdateItemCommand,
  type UpdateItemCommandInput,
} from "@aws-sdk/client-dynamodb";
import { epochSeconds, type Item } from "./commit-item.ts";
import type { DynamoDbTable } from "./dynamodb-log-reader.ts";
import { keyOf, onCondition, type Place, queryAll } from "./table-items.ts";
import { TABLE } from "./table-schema.ts";

type Condition = Pick<PutItemCommandInput, "ConditionExpression" | "ExpressionAttributeValues">;
type Change = Condition & Pick<UpdateItemCommandInput, "UpdateExpression" | "ExpressionAttributeNames">;

/** Small items of the table, each with a time to live, after which it is not there any more. Reads are strongly consistent. */
export class PlacedItems {
  readonly #table: DynamoDbTable;

  constructor(table: DynamoDbTable) {
    this.#table = table;
  }

  /** Without effect where the condition does not hold. */
  async put(place: Place, item: Item, condition: Condition = {}): Promise<void> {
    const { client, tableName: TableName } = this.#table;
    await onCondition(client.send(new PutItemCommand({ TableName, Item: { ...keyOf(place), ...item }, ...condition })));
  }

  /** What was changed, as it is now or was before; undefined where the condition does not hold. */
  async update(place: Place, change: Change, returned: "UPDATED_OLD" | "UPDATED_NEW"): Promise<Item | undefined> {
    const { client, tableName: TableName } = this.#table;
    const update = new UpdateItemCommand({ TableName, Key: keyOf(place), ...change, ReturnValues: returned });
    const answer = await onCondition(client.send(update));
    return answer && (answer.Attributes ?? {});
  }

  /** As it was; undefined where it was not there. @param token only if this is its `k` */
  async delete(place: Place, token?: string): Promise<Item | undefined> {
    const { client, tableName: TableName } = this.#table;
    const condition = {
      ConditionExpression: "k = :token",
      ExpressionAttributeValues: { ":token": { S: token ?? "" } },
    };
    const deletion = new DeleteItemCommand({
      TableName,
      Key: keyOf(place),
      ReturnValues: "ALL_OLD",
      ...(token === undefined ? {} : condition),
    });
    return (await onCondition(client.send(deletion)))?.Attributes;
  }

  /** @param sort what the sort key begins with */
  query(partition: string, sort = ""): Promise<Item[]> {
    return queryAll(this.#table, {
      KeyConditionExpression: `${TABLE.partitionKey} = :partition${sort === "" ? "" : ` AND begins_with(${TABLE.sortKey}, :sort)`}`,
      FilterExpression: "#ttl > :now",
      ExpressionAttributeNames: { "#ttl": TABLE.timeToLive },
      ExpressionAttributeValues: {
        ":partition": { S: partition },
        ":now": epochSeconds(this.#table.clock),
        ...(sort === "" ? {} : { ":sort": { S: sort } }),
      },
    });
  }
}
