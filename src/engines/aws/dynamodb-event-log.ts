import {
  ConditionalCheckFailedException,
  type DynamoDBClient,
  PutItemCommand,
  QueryCommand,
  type QueryCommandInput,
} from "@aws-sdk/client-dynamodb";
import type { JobId } from "../../contract/ids.ts";
import type { AppendOutcome, Effects, EventLog, JobIndex, StoredCommit, Topics } from "../../core/ports.ts";
import { AFTER_COMMITS, commitOf, type Item, itemOf, sortKeyOf } from "./commit-item.ts";
import { TABLE } from "./table-schema.ts";

export interface DynamoDbEventLogProps {
  readonly client: DynamoDBClient;
  readonly tableName: string;
  readonly index: JobIndex;
  readonly topics: Topics;
}

/**
 * Logs as items of one table. An append is one conditional write; what follows from it comes right after, and a crash in
 * between is made good by the reconciler, since the wake-up time is in the first commit's item.
 */
export class DynamoDbEventLog implements EventLog {
  readonly #client: DynamoDBClient;
  readonly #tableName: string;
  readonly #index: JobIndex;
  readonly #topics: Topics;

  constructor({ client, tableName, index, topics }: DynamoDbEventLogProps) {
    this.#client = client;
    this.#tableName = tableName;
    this.#index = index;
    this.#topics = topics;
  }

  async append(commit: StoredCommit, effects: Effects = {}): Promise<AppendOutcome> {
    const { head, headChange, messages = [], expiresMs } = effects;
    try {
      await this.#client.send(
        new PutItemCommand({
          TableName: this.#tableName,
          Item: itemOf(commit, expiresMs, head),
          ConditionExpression: `attribute_not_exists(${TABLE.partitionKey})`,
        }),
      );
    } catch (error) {
      if (error instanceof ConditionalCheckFailedException) return "conflict";
      throw error;
    }
    if (headChange) await this.#index.change(commit.jobId, headChange);
    if (messages.length > 0) await this.#topics.publish(messages);
    return "appended";
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
      const page = await this.#client.send(
        new QueryCommand({
          TableName: this.#tableName,
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
