import { ConditionalCheckFailedException, type DynamoDBClient, UpdateItemCommand } from "@aws-sdk/client-dynamodb";
import type { Limits, Reservable, Reserved } from "../../core/ports.ts";
import type { Item } from "./commit-item.ts";
import type { DynamoDbTable } from "./dynamodb-log-reader.ts";
import { LIMITS_PREFIX, TABLE } from "./table-schema.ts";
import { asUnavailable } from "./unavailable.ts";

const TRIES = 10;
/** A bucket that nobody asks for any more goes away. */
const KEPT_MS = 3_600_000;
const BUCKET = "bucket";

/**
 * Buckets as items that say by when each is full again (the generic cell rate algorithm): one write a reservation, and a
 * second one where the bucket was full.
 */
export class DynamoDbLimits implements Limits {
  readonly #client: DynamoDBClient;
  readonly #tableName: string;

  constructor({ client, tableName }: DynamoDbTable) {
    this.#client = client;
    this.#tableName = tableName;
  }

  async reserve(key: string, ask: Reservable): Promise<Reserved> {
    const { costMs, burstMs, nowMs } = ask;
    let before = nowMs + 1;
    for (let tries = 0; tries < TRIES; tries++) {
      const isFull = before <= nowMs;
      const written = await this.#write(key, ask, isFull);
      if (written.done) return { granted: true, usedMs: written.fullAtMs - nowMs };
      before = written.fullAtMs;
      if (before > nowMs && before + costMs - nowMs > burstMs) {
        return { granted: false, retryAtMs: before + costMs - burstMs };
      }
    }
    // Others are reserving at this very moment, over and over: there is a rush.
    return { granted: false, retryAtMs: nowMs + costMs };
  }

  /** @param isFull the bucket was seen to be full: what has flowed in beyond that is lost */
  async #write(
    key: string,
    { costMs, burstMs, nowMs }: Reservable,
    isFull: boolean,
  ): Promise<{ readonly done: boolean; readonly fullAtMs: number }> {
    const values: Item = isFull
      ? { ":full": { N: String(nowMs + costMs) }, ":now": { N: String(nowMs) } }
      : {
          ":cost": { N: String(costMs) },
          ":now": { N: String(nowMs) },
          ":most": { N: String(nowMs + burstMs - costMs) },
        };
    try {
      const { Attributes } = await this.#client.send(
        new UpdateItemCommand({
          TableName: this.#tableName,
          Key: { [TABLE.partitionKey]: { S: LIMITS_PREFIX + key }, [TABLE.sortKey]: { S: BUCKET } },
          UpdateExpression: `SET #full = ${isFull ? ":full" : "#full + :cost"}, #ttl = :ttl`,
          ConditionExpression: isFull
            ? "attribute_not_exists(#full) OR #full <= :now"
            : "#full > :now AND #full <= :most",
          ExpressionAttributeNames: { "#full": "f", "#ttl": TABLE.timeToLive },
          ExpressionAttributeValues: {
            ...values,
            ":ttl": { N: String(Math.ceil((nowMs + burstMs + KEPT_MS) / 1_000)) },
          },
          ReturnValues: "UPDATED_NEW",
          ReturnValuesOnConditionCheckFailure: "ALL_OLD",
        }),
      );
      return { done: true, fullAtMs: Number(Attributes?.f?.N) };
    } catch (error) {
      if (!(error instanceof ConditionalCheckFailedException)) throw asUnavailable(error);
      return { done: false, fullAtMs: Number(error.Item?.f?.N ?? 0) };
    }
  }
}
