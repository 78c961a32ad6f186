import { ConditionalCheckFailedException, QueryCommand, type QueryCommandInput } from "@aws-sdk/client-dynamodb";
import type { Item } from "./commit-item.ts";
import type { DynamoDbTable } from "./dynamodb-log-reader.ts";
import { TABLE } from "./table-schema.ts";
import { asUnavailable } from "./unavailable.ts";

/** Where an item of the table is. */
export interface Place {
  readonly partition: string;
  readonly sort: string;
}

export const keyOf = ({ partition, sort }: Place): Item => ({
  [TABLE.partitionKey]: { S: partition },
  [TABLE.sortKey]: { S: sort },
});

/** All items of a partition that fit, page by page. Strongly consistent: what was written before is seen. */
export async function queryAll(
  { client, tableName: TableName }: DynamoDbTable,
  what: Pick<
    QueryCommandInput,
    "KeyConditionExpression" | "FilterExpression" | "ExpressionAttributeNames" | "ExpressionAttributeValues"
  >,
): Promise<Item[]> {
  const items: Item[] = [];
  let start: QueryCommandInput["ExclusiveStartKey"];
  do {
    const query = new QueryCommand({
      TableName,
      ConsistentRead: true,
      ...what,
      ...(start ? { ExclusiveStartKey: start } : {}),
    });
    const page = await client.send(query).catch((error: unknown) => {
      throw asUnavailable(error);
    });
    items.push(...(page.Items ?? []));
    start = page.LastEvaluatedKey;
  } while (start);
  return items;
}

/** What a conditional write answers; undefined where its condition does not hold. Rejects as {@link asUnavailable} says. */
export async function onCondition<T>(write: Promise<T>): Promise<T | undefined> {
  try {
    return await write;
  } catch (error) {
    if (error instanceof ConditionalCheckFailedException) return undefined;
    throw asUnavailable(error);
  }
}
