import { DeleteItemCommand, UpdateItemCommand } from "@aws-sdk/client-dynamodb";
import type { Owner, Records, StoredRecord } from "../../core/ports.ts";
import { epochSeconds, type Item } from "./commit-item.ts";
import type { DynamoDbTable } from "./dynamodb-log-reader.ts";
import { keyOf, onCondition, type Place, queryAll } from "./table-items.ts";
import { JOB_RECORDS_PREFIX, SECRET_RECORDS_PREFIX, TABLE, TENANT_RECORDS_PREFIX } from "./table-schema.ts";

/** What sort keys begin with: to list all records takes a beginning, too, and DynamoDB takes no empty one. */
const PREFIX = "r#";

/** Records as items, in partitions that are no log's: what may write them may write no log. `v` is the version, `b` the text. */
export class DynamoDbRecords implements Records {
  readonly #table: DynamoDbTable;

  constructor(table: DynamoDbTable) {
    this.#table = table;
  }

  async get(owner: Owner, key: string): Promise<StoredRecord | undefined> {
    const [record] = await this.#query(owner, "#sk = :sk", key);
    return record;
  }

  list(owner: Owner, prefix: string): Promise<StoredRecord[]> {
    return this.#query(owner, "begins_with(#sk, :sk)", prefix);
  }

  /** An item past its time is not there any more, whether DynamoDB has got round to deleting it or not. */
  async change(owner: Owner, key: string, text: string, expectedVersion: number, expiresMs?: number): Promise<boolean> {
    const ttl = expiresMs === undefined ? undefined : { N: String(Math.ceil(expiresMs / 1_000)) };
    const update = new UpdateItemCommand({
      TableName: this.#table.tableName,
      Key: keyOf(placeOf(owner, key)),
      UpdateExpression: `SET b = :text, v = :next${ttl ? ", #ttl = :ttl" : " REMOVE #ttl"}`,
      ConditionExpression:
        expectedVersion === 0
          ? "attribute_not_exists(v) OR #ttl <= :now"
          : "v = :expected AND (attribute_not_exists(#ttl) OR #ttl > :now)",
      ExpressionAttributeNames: { "#ttl": TABLE.timeToLive },
      ExpressionAttributeValues: {
        ":text": { S: text },
        ":next": { N: String(expectedVersion + 1) },
        ":now": epochSeconds(this.#table.clock),
        ...(expectedVersion === 0 ? {} : { ":expected": { N: String(expectedVersion) } }),
        ...(ttl ? { ":ttl": ttl } : {}),
      },
    });
    return (await onCondition(this.#table.client.send(update))) !== undefined;
  }

  async remove(owner: Owner, key: string): Promise<boolean> {
    const remove = new DeleteItemCommand({
      TableName: this.#table.tableName,
      Key: keyOf(placeOf(owner, key)),
      ConditionExpression: "attribute_exists(v)",
    });
    return (await onCondition(this.#table.client.send(remove))) !== undefined;
  }

  async #query(owner: Owner, condition: string, key: string): Promise<StoredRecord[]> {
    const items = await queryAll(this.#table, {
      KeyConditionExpression: `${TABLE.partitionKey} = :pk AND ${condition}`,
      FilterExpression: "attribute_not_exists(#ttl) OR #ttl > :now",
      ExpressionAttributeNames: { "#sk": TABLE.sortKey, "#ttl": TABLE.timeToLive },
      ExpressionAttributeValues: {
        ":pk": { S: partitionOf(owner) },
        ":sk": { S: PREFIX + key },
        ":now": epochSeconds(this.#table.clock),
      },
    });
    return items.map(recordOf);
  }
}

function partitionOf(owner: Owner): string {
  if ("jobId" in owner) return JOB_RECORDS_PREFIX + owner.jobId;
  return "tenant" in owner ? TENANT_RECORDS_PREFIX + owner.tenant : SECRET_RECORDS_PREFIX + owner.secretsOf;
}

const placeOf = (owner: Owner, key: string): Place => ({ partition: partitionOf(owner), sort: PREFIX + key });

const recordOf = (item: Item): StoredRecord => ({
  key: (item[TABLE.sortKey]?.S ?? "").slice(PREFIX.length),
  text: item.b?.S ?? "",
  version: Number(item.v?.N),
});
