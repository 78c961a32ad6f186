import { type DynamoDBClient, QueryCommand, type QueryCommandInput } from "@aws-sdk/client-dynamodb";
import type { JobId } from "../../contract/ids.ts";
import type { LogReader, StoredCommit } from "../../core/ports.ts";
import { AFTER_COMMITS, commitOf, type Item, sortKeyOf } from "./commit-item.ts";
import { TABLE } from "./table-schema.ts";

export interface DynamoDbTable {
  readonly client: DynamoDBClient;
  readonly tableName: string;
}

/** Logs as items of one table, for those who only read. */
export class DynamoDbLogReader implements LogReader {
  protected readonly table: DynamoDbTable;

  constructor(table: DynamoDbTable) {
    this.table = table;
  }

  async read(jobId: JobId, afterSeq = 0, limit = Number.POSITIVE_INFINITY): Promise<readonly StoredCommit[]> {
    const items = await this.#query(jobId, sortKeyOf(afterSeq + 1), limit, true);
    const commits = items.map(commitOf);
    // Of a job past its time DynamoDB may have deleted the beginning and not yet the rest: it is gone (rule 9).
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
      const page = await this.table.client.send(
        new QueryCommand({
          TableName: this.table.tableName,
          ConsistentRead: true,
          KeyConditionExpression: `${TABLE.partitionKey} = :job AND ${TABLE.sortKey} BETWEEN :from AND :to`,
          ExpressionAttributeValues: { ":job": { S: jobId }, ":from": { S: from }, ":to": { S: AFTER_COMMITS } },
          ScanIndexForward: forward,
          ...(Number.isFinite(limit) ? { Limit: limit - items.length } : {}),
          ...(start ? { ExclusiveStartKey: start } : {}),
        }),
      );
      items.push(...(page.Items ?? []));
      start = page.LastEvaluatedKey;
    } while (start && items.length < limit);
    return items;
  }
}
