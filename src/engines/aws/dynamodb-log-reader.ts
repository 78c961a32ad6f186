import { type DynamoDBClient, QueryCommand, type QueryCommandInput } from "@aws-sdk/client-dynamodb";
import type { JobId } from "../../contract/ids.ts";
import type { Clock, LogReader, StoredCommit } from "../../core/ports.ts";
import { AFTER_COMMITS, commitOf, epochSeconds, type Item, sortKeyOf } from "./commit-item.ts";
import { TABLE } from "./table-schema.ts";
import { asUnavailable } from "./unavailable.ts";

export interface DynamoDbTable {
  readonly client: DynamoDBClient;
  readonly tableName: string;
  readonly clock: Clock;
}

/**
 * Logs as items of one table, for those who only read. DynamoDB deletes items within days after their time, one by one
 * and in any order (docs.aws.amazon.com/amazondynamodb/latest/developerguide/ttl-expired-items.html). All of a job have
 * the same time, and from then on none of them is there (rule 9 of the job protocol): what is left of a job never mixes
 * with a new one of the same idempotency key.
 */
export class DynamoDbLogReader implements LogReader {
  protected readonly table: DynamoDbTable;

  constructor(table: DynamoDbTable) {
    this.table = table;
  }

  async read(jobId: JobId, afterSeq = 0, limit = Number.POSITIVE_INFINITY): Promise<readonly StoredCommit[]> {
    const items = await this.#query(jobId, sortKeyOf(afterSeq + 1), limit, true);
    const commits = items.map(commitOf);
    // Whoever deletes a job by hand may have deleted its beginning and not yet the rest: it is gone.
    return afterSeq === 0 && commits[0] !== undefined && commits[0].firstSeq !== 1 ? [] : commits;
  }

  async tail(jobId: JobId, limit: number): Promise<readonly StoredCommit[]> {
    const items = await this.#query(jobId, sortKeyOf(1), limit, false);
    return items.map(commitOf).reverse();
  }

  async #query(jobId: JobId, from: string, limit: number, forward: boolean): Promise<Item[]> {
    const items: Item[] = [];
    let start: QueryCommandInput["ExclusiveStartKey"];
    do {
      const query = new QueryCommand({
        TableName: this.table.tableName,
        ConsistentRead: true,
        KeyConditionExpression: `${TABLE.partitionKey} = :job AND ${TABLE.sortKey} BETWEEN :from AND :to`,
        FilterExpression: "attribute_not_exists(#ttl) OR #ttl > :now",
        ExpressionAttributeNames: { "#ttl": TABLE.timeToLive },
        ExpressionAttributeValues: {
          ":job": { S: jobId },
          ":from": { S: from },
          ":to": { S: AFTER_COMMITS },
          ":now": epochSeconds(this.table.clock),
        },
        ScanIndexForward: forward,
        ...(Number.isFinite(limit) ? { Limit: limit - items.length } : {}),
        ...(start ? { ExclusiveStartKey: start } : {}),
      });
      const page = await this.table.client.send(query).catch((error: unknown) => {
        throw asUnavailable(error);
      });
      items.push(...(page.Items ?? []));
      start = page.LastEvaluatedKey;
    } while (start && items.length < limit);
    return items;
  }
}
