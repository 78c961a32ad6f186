import { PutItemCommand } from "@aws-sdk/client-dynamodb";
import type { JobId } from "../../contract/ids.ts";
import type { AppendOutcome, Effects, EventLog, JobIndex, StoredCommit, Topics } from "../../core/ports.ts";
import { epochSeconds, itemOf } from "./commit-item.ts";
import { DynamoDbLogReader, type DynamoDbTable } from "./dynamodb-log-reader.ts";
import { onCondition } from "./table-items.ts";
import { TABLE } from "./table-schema.ts";

export interface DynamoDbEventLogProps extends DynamoDbTable {
  readonly index: JobIndex;
  readonly topics: Topics;
  /** A head could not be changed. It stays due, and the reconciler changes it. */
  readonly onHeadMissed: (jobId: JobId, error: unknown) => void;
}

/**
 * Logs as items of one table. An append is one conditional write; what follows from it comes right after, and a crash in
 * between is made good by the reconciler, since the wake-up time is in the first commit's item.
 */
export class DynamoDbEventLog extends DynamoDbLogReader implements EventLog {
  readonly #index: JobIndex;
  readonly #topics: Topics;
  readonly #onHeadMissed: DynamoDbEventLogProps["onHeadMissed"];

  constructor({ index, topics, onHeadMissed, ...table }: DynamoDbEventLogProps) {
    super(table);
    this.#index = index;
    this.#topics = topics;
    this.#onHeadMissed = onHeadMissed;
  }

  async append(commit: StoredCommit, effects: Effects = {}): Promise<AppendOutcome> {
    const { head, headChange, messages = [], expiresMs } = effects;
    const put = new PutItemCommand({
      TableName: this.table.tableName,
      Item: itemOf(commit, expiresMs, head),
      // An item past its time is not there any more, whether DynamoDB has got round to deleting it or not.
      ConditionExpression: `attribute_not_exists(${TABLE.partitionKey}) OR #ttl <= :now`,
      ExpressionAttributeNames: { "#ttl": TABLE.timeToLive },
      ExpressionAttributeValues: { ":now": epochSeconds(this.table.clock) },
    });
    if ((await onCondition(this.table.client.send(put))) === undefined) return "conflict";
    if (messages.length > 0) await this.#topics.publish(messages);
    if (headChange) {
      await this.#index.change(commit.jobId, headChange).catch((error) => this.#onHeadMissed(commit.jobId, error));
    }
    return "appended";
  }
}
