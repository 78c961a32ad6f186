import type { AttributeValue } from "@aws-sdk/client-dynamodb";
import type { JobId, TenantId } from "../../contract/ids.ts";
import type { Connection, Subscription } from "../../core/subscribers.ts";
import type { Item } from "./commit-item.ts";
import type { Place } from "./table-items.ts";
import { SUBSCRIBERS_PREFIX, TABLE } from "./table-schema.ts";

/**
 * Items of who watches what:
 *
 * | partition | sort key | |
 * | --- | --- | --- |
 * | `live#connection#ID` | `connection` | a connection: `o` tenant, `j` the only job that it may watch, `b` frames that were no message, `m` what it subscribed to by name: `j` the job, or else all, and `k` the token |
 * | `live#connection#ID` | `f NAME JOB` | a job that it watches since it watches all of its tenant: `k` the token |
 * | `live#job#JOB` | `CONNECTION NAME` | a subscription: `o` tenant, `k` token, `a` seq of the last event that was sent, `y` where it is derived |
 * | `live#tenant#TENANT` | `CONNECTION NAME` | one to all jobs of a tenant |
 *
 * All have `x`, when they expire in epoch ms. Neither names nor ids of connections, jobs and tenants have a space.
 */
export const CONNECTION = "connection";

/** A subscription's name: one of its connection. */
export type SubscriptionKey = Pick<Subscription, "connectionId" | "id">;

const connectionPartition = (id: string): string => `${SUBSCRIBERS_PREFIX}connection#${id}`;
export const connectionPlace = (id: string): Place => ({ partition: connectionPartition(id), sort: CONNECTION });

/** Where a subscription is found by what it is to. */
export const placeOf = ({ connectionId, id }: SubscriptionKey, to: JobId | undefined, tenant: TenantId): Place => ({
  partition: to === undefined ? tenantPartition(tenant) : jobPartition(to),
  sort: `${connectionId} ${id}`,
});
export const jobPartition = (jobId: JobId): string => `${SUBSCRIBERS_PREFIX}job#${jobId}`;
export const tenantPartition = (tenant: TenantId): string => `${SUBSCRIBERS_PREFIX}tenant#${tenant}`;

/** Where a connection is said to watch a job since it watches all. @param jobId "": the beginning of all such */
export const followPlace = ({ connectionId, id }: SubscriptionKey, jobId: JobId | ""): Place => ({
  partition: connectionPartition(connectionId),
  sort: `f ${id} ${jobId}`,
});
/** A job that a connection watches since it watches all, under a name, and by which of those. */
export interface Followed {
  readonly jobId: JobId;
  readonly token: string;
}

/** What such an item says; undefined for the connection itself. */
export function followed(item: Item): (Followed & { readonly id: string }) | undefined {
  const [kind, id = "", jobId = ""] = (item[TABLE.sortKey]?.S ?? "").split(" ");
  return kind === "f" ? { id, jobId: jobId as JobId, token: item.k?.S ?? "" } : undefined;
}

/** What a connection subscribed to under a name. */
export interface Entry {
  /** Undefined: all jobs of its tenant. */
  readonly jobId: JobId | undefined;
  readonly token: string;
}

export const entryValue = ({ jobId, token }: Entry): AttributeValue => ({
  M: { k: { S: token }, ...(jobId === undefined ? {} : { j: { S: jobId } }) },
});

/** By name, of a connection's item or of the part of it that was changed; none where there is no item. */
export const entriesOf = (item: Item | undefined): (readonly [id: string, entry: Entry])[] =>
  Object.entries(item?.m?.M ?? {}).map(([id, { M: { j, k } = {} }]) => [
    id,
    { jobId: j?.S as JobId | undefined, token: k?.S ?? "" },
  ]);

/** What a connection subscribed to under this name. */
export const entryOf = (item: Item | undefined, id: string): Entry | undefined =>
  entriesOf(item).find(([name]) => name === id)?.[1];

export const connectionItem = ({ tenant, jobId, expiresMs }: Connection): Item => ({
  ...expiry(expiresMs),
  o: { S: tenant },
  m: { M: {} },
  ...(jobId === undefined ? {} : { j: { S: jobId } }),
});

export const connectionOf = (id: string, item: Item): Connection => ({
  id,
  tenant: tenantOf(item),
  ...(item.j?.S === undefined ? {} : { jobId: item.j.S as JobId }),
  expiresMs: Number(item.x?.N),
});

export const subscriptionItem = ({ token, tenant, isDerived, afterSeq, expiresMs }: Subscription): Item => ({
  ...expiry(expiresMs),
  o: { S: tenant },
  k: { S: token },
  a: { N: String(afterSeq) },
  ...(isDerived ? { y: { BOOL: true } } : {}),
});

export function subscriptionOf(item: Item, jobId: JobId | undefined): Subscription {
  const [connectionId = "", id = ""] = (item[TABLE.sortKey]?.S ?? "").split(" ");
  return {
    connectionId,
    id,
    token: item.k?.S ?? "",
    tenant: tenantOf(item),
    jobId,
    isDerived: item.y?.BOOL === true,
    afterSeq: Number(item.a?.N),
    expiresMs: Number(item.x?.N),
  };
}

export const tenantOf = (item: Item): TenantId => (item.o?.S ?? "") as TenantId;

export const expiry = (expiresMs: number): Item => ({
  x: { N: String(expiresMs) },
  [TABLE.timeToLive]: { N: String(Math.ceil(expiresMs / 1_000)) },
});
