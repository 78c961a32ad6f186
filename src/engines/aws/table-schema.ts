import type { CreateTableCommandInput } from "@aws-sdk/client-dynamodb";

/**
 * The one table of an instance, and what its attributes are called: here and nowhere else. Names are short because an
 * item's size is what a write costs (docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html).
 */
export const TABLE = {
  partitionKey: "pk",
  sortKey: "sk",
  /** Epoch seconds after which DynamoDB may delete the item. */
  timeToLive: "ttl",
} as const;

/** The partition in which deployments are counted: no job's. */
export const DEPLOYMENTS_KEY = "deployments";

/** What the partitions of logs begin with: a job's is its id. IAM tells items apart by their partitions alone. */
export const LOGS_PREFIX = "job_";

/** What the partitions of records begin with: no job's. Those of jobs, of tenants, and of what tenants keep secret. */
export const RECORDS_PREFIX = "record#";
export const JOB_RECORDS_PREFIX = `${RECORDS_PREFIX}job#`;
export const TENANT_RECORDS_PREFIX = `${RECORDS_PREFIX}tenant#`;
export const SECRET_RECORDS_PREFIX = `${RECORDS_PREFIX}secret#`;

/** What the partitions of buckets, circuits and sets of who is at work begin with: no job's. */
export const LIMITS_PREFIX = "limit#";
/** The partition of one set. */
export const setKey = (key: string): string => `${LIMITS_PREFIX}set#${key}`;
/** The partition of all circuits. */
export const CIRCUITS_KEY = `${LIMITS_PREFIX}circuits`;

/** The partition of the key that signs tickets, and what the partitions of used ones begin with: no job's. */
export const TICKET_KEY_KEY = "ticket-key";
export const BURNED_TICKETS_PREFIX = "ticket#";
/** What the partitions begin with that say who is connected and who watches what: no job's. */
export const SUBSCRIBERS_PREFIX = "live#";

/** A tenant's jobs, by creation. Only first commits are in it. */
export const JOBS_INDEX = {
  name: "jobs",
  partitionKey: "t",
  sortKey: "l",
} as const;

/** Jobs by the time at which they must be looked at, spread over shards. Only jobs that have not ended are in it. */
export const WAKE_INDEX = {
  name: "wake",
  partitionKey: "w",
  sortKey: "d",
} as const;

/** What of a head the indexes hold besides keys: workflow, status, creation, expiry, tenant. */
export const HEAD_ATTRIBUTES = ["wf", "st", "ct", "xp"] as const;
/** The wake index has no tenant among its keys, the jobs index no wake-up time. */
export const JOBS_INDEX_ATTRIBUTES = [...HEAD_ATTRIBUTES, WAKE_INDEX.sortKey] as const;
export const WAKE_INDEX_ATTRIBUTES = [...HEAD_ATTRIBUTES, JOBS_INDEX.partitionKey] as const;

export const WAKE_SHARDS = 16;

/** The table as a local server makes it; the CDK table is made of the same constants. */
export function createTableInput(tableName: string): CreateTableCommandInput {
  const key = (index: { readonly partitionKey: string; readonly sortKey: string }) => [
    { AttributeName: index.partitionKey, KeyType: "HASH" as const },
    { AttributeName: index.sortKey, KeyType: "RANGE" as const },
  ];
  const including = (attributes: readonly string[]) => ({
    ProjectionType: "INCLUDE" as const,
    NonKeyAttributes: [...attributes],
  });
  return {
    TableName: tableName,
    BillingMode: "PAY_PER_REQUEST",
    KeySchema: key(TABLE),
    AttributeDefinitions: [
      { AttributeName: TABLE.partitionKey, AttributeType: "S" },
      { AttributeName: TABLE.sortKey, AttributeType: "S" },
      { AttributeName: JOBS_INDEX.partitionKey, AttributeType: "S" },
      { AttributeName: JOBS_INDEX.sortKey, AttributeType: "S" },
      { AttributeName: WAKE_INDEX.partitionKey, AttributeType: "S" },
      { AttributeName: WAKE_INDEX.sortKey, AttributeType: "N" },
    ],
    GlobalSecondaryIndexes: [
      { IndexName: JOBS_INDEX.name, KeySchema: key(JOBS_INDEX), Projection: including(JOBS_INDEX_ATTRIBUTES) },
      { IndexName: WAKE_INDEX.name, KeySchema: key(WAKE_INDEX), Projection: including(WAKE_INDEX_ATTRIBUTES) },
    ],
  };
}
