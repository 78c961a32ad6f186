import {
  type DynamoDBClient,
  QueryCommand,
  type QueryCommandInput,
  type QueryCommandOutput,
  UpdateItemCommand,
} from "@aws-sdk/client-dynamodb";
import type { JobId, TenantId } from "../../contract/ids.ts";
import { cursorAfter, placeOf } from "../../core/list-cursor.ts";
import type { Clock, Head, HeadChange, JobIndex, ListQuery } from "../../core/ports.ts";
import { TERMINAL_STATUSES } from "../../core/state.ts";
import { commitKey, headOf, type Item, listKey, placeOfKey, shardName, wakeAttributes } from "./commit-item.ts";
import type { DynamoDbTable } from "./dynamodb-log-reader.ts";
import { onCondition } from "./table-items.ts";
import { JOBS_INDEX, TABLE, WAKE_INDEX, WAKE_SHARDS } from "./table-schema.ts";
import { asUnavailable } from "./unavailable.ts";

export interface DynamoDbJobIndexProps extends DynamoDbTable {
  /** An item is no head of ours. It is left out: nobody else's job has to wait for it. */
  readonly onMalformed?: (jobId: string | undefined, error: unknown) => void;
}

/** Jobs that one call looks at where a filter leaves few of them: the rest is for the next page. */
const MAX_EXAMINED = 1_000;
const PAGE_EXAMINED = 250;
/** Of a count of running jobs: the newest so many, at about 300 bytes each, are looked at. */
const MAX_COUNTED = 2_000;
const LEAST_COUNTED = 250;

const ENDED: Item = Object.fromEntries(TERMINAL_STATUSES.map((ended, n) => [`:ended${n}`, { S: ended }]));
const ENDED_NAMES = Object.keys(ENDED).join(", ");

/** Heads in the first commits' items, found by two sparse indexes. Both lag behind the table by moments. */
export class DynamoDbJobIndex implements JobIndex {
  readonly #client: DynamoDBClient;
  readonly #tableName: string;
  readonly #clock: Clock;
  readonly #onMalformed: DynamoDbJobIndexProps["onMalformed"];

  constructor({ client, tableName, clock, onMalformed }: DynamoDbJobIndexProps) {
    this.#client = client;
    this.#tableName = tableName;
    this.#clock = clock;
    this.#onMalformed = onMalformed;
  }

  async list(query: ListQuery): Promise<{ jobs: readonly Head[]; cursor: string | undefined }> {
    const jobs: Head[] = [];
    let before = query.cursor === undefined ? undefined : listKey(placeOf(query.cursor));
    for (let examined = 0; jobs.length < query.limit && examined < MAX_EXAMINED; ) {
      const page = await this.#page(query, before, query.limit - jobs.length);
      jobs.push(...page.jobs);
      examined += page.examined;
      before = page.last;
      if (before === undefined) return { jobs, cursor: undefined };
    }
    return { jobs, cursor: before && cursorAfter(placeOfKey(before)) };
  }

  async due(nowMs: number, limit: number): Promise<readonly Head[]> {
    const shards = await Promise.all(
      Array.from({ length: WAKE_SHARDS }, async (_, shard) => {
        const { Items = [] } = await this.#query({
          TableName: this.#tableName,
          IndexName: WAKE_INDEX.name,
          KeyConditionExpression: "#shard = :shard AND #due <= :now",
          ExpressionAttributeNames: { "#shard": WAKE_INDEX.partitionKey, "#due": WAKE_INDEX.sortKey },
          ExpressionAttributeValues: { ":shard": { S: shardName(shard) }, ":now": { N: String(nowMs) } },
          Limit: limit,
        });
        return this.#heads(Items);
      }),
    );
    return shards
      .flat()
      .sort((a, b) => (a.wakeAtMs ?? 0) - (b.wakeAtMs ?? 0))
      .slice(0, limit);
  }

  async change(jobId: JobId, { status, wakeAtMs }: HeadChange): Promise<void> {
    const sets: string[] = [];
    const names: Record<string, string> = { "#status": "st" };
    const values: Item = { ...ENDED };
    if (status !== undefined) {
      sets.push("#status = :status");
      values[":status"] = { S: status };
    }
    let remove = "";
    if (wakeAtMs !== undefined) {
      names["#shard"] = WAKE_INDEX.partitionKey;
      names["#due"] = WAKE_INDEX.sortKey;
      if (wakeAtMs === null) remove = " REMOVE #shard, #due";
      else {
        const wake = wakeAttributes(jobId, wakeAtMs);
        sets.push("#shard = :shard", "#due = :due");
        Object.assign(values, { ":shard": wake[WAKE_INDEX.partitionKey], ":due": wake[WAKE_INDEX.sortKey] });
      }
    }
    if (sets.length === 0 && remove === "") return;
    const update = new UpdateItemCommand({
      TableName: this.#tableName,
      Key: commitKey(jobId, 1),
      UpdateExpression: (sets.length > 0 ? `SET ${sets.join(", ")}` : "") + remove,
      // Without the attribute the job is not there, and must not come to be by this.
      ConditionExpression: `attribute_exists(#status) AND NOT #status IN (${ENDED_NAMES})`,
      ExpressionAttributeNames: names,
      ExpressionAttributeValues: values,
    });
    await onCondition(this.#client.send(update));
  }

  /** Looks at the tenant's newest jobs only: a job that runs on while thousands come and go is missed. */
  async countRunning(tenant: TenantId, most: number): Promise<number> {
    let left = Math.min(Math.max(4 * most, LEAST_COUNTED), MAX_COUNTED);
    let running = 0;
    let from: Item | undefined;
    do {
      const page: QueryCommandOutput = await this.#query({
        TableName: this.#tableName,
        IndexName: JOBS_INDEX.name,
        KeyConditionExpression: "#tenant = :tenant",
        FilterExpression: "#status = :running",
        ExpressionAttributeNames: { "#tenant": JOBS_INDEX.partitionKey, "#status": "st" },
        ExpressionAttributeValues: { ":tenant": { S: tenant }, ":running": { S: "running" } },
        ScanIndexForward: false,
        Select: "COUNT",
        Limit: left,
        ...(from ? { ExclusiveStartKey: from } : {}),
      });
      running += page.Count ?? 0;
      left -= page.ScannedCount ?? 0;
      from = page.LastEvaluatedKey;
    } while (from && left > 0 && running < most);
    return Math.min(running, most);
  }

  async #query(input: QueryCommandInput): Promise<QueryCommandOutput> {
    try {
      return await this.#client.send(new QueryCommand(input));
    } catch (error) {
      throw asUnavailable(error);
    }
  }

  #heads(items: readonly Item[]): Head[] {
    return items.flatMap((item) => {
      try {
        return [headOf(item)];
      } catch (error) {
        this.#onMalformed?.(item[TABLE.partitionKey]?.S, error);
        return [];
      }
    });
  }

  /** The next of a tenant's jobs, from one query; `last`: where to go on, if there may be more. */
  async #page(
    { tenant, status, workflow, limit }: ListQuery,
    before: string | undefined,
    wanted: number,
  ): Promise<{ jobs: Head[]; examined: number; last: string | undefined }> {
    const filters: string[] = [];
    const names: Record<string, string> = { "#tenant": JOBS_INDEX.partitionKey };
    const values: Item = { ":tenant": { S: tenant } };
    let key = "#tenant = :tenant";
    if (before !== undefined) {
      key += " AND #created < :before";
      names["#created"] = JOBS_INDEX.sortKey;
      values[":before"] = { S: before };
    }
    for (const [name, attribute, value] of [
      ["status", "st", status],
      ["workflow", "wf", workflow],
    ] as const) {
      if (value === undefined) continue;
      filters.push(`#${name} = :${name}`);
      names[`#${name}`] = attribute;
      values[`:${name}`] = { S: value };
    }
    const input: QueryCommandInput = {
      TableName: this.#tableName,
      IndexName: JOBS_INDEX.name,
      KeyConditionExpression: key,
      ...(filters.length > 0 ? { FilterExpression: filters.join(" AND ") } : {}),
      ExpressionAttributeNames: names,
      ExpressionAttributeValues: values,
      ScanIndexForward: false,
      // One more than is shown tells whether there is more.
      Limit: filters.length > 0 ? PAGE_EXAMINED : Math.min(wanted, limit) + 1,
    };
    const { Items = [], LastEvaluatedKey, ScannedCount = 0 } = await this.#query(input);
    const found = this.#heads(Items);
    const page = found.slice(0, wanted);
    const shown = page.at(-1);
    // What is past its time has no log any more.
    const nowMs = this.#clock.now();
    const jobs = page.filter(({ expiresMs }) => expiresMs > nowMs);
    const last = found.length > wanted && shown ? listKey(shown) : LastEvaluatedKey?.[JOBS_INDEX.sortKey]?.S;
    return { jobs, examined: ScannedCount, last };
  }
}
