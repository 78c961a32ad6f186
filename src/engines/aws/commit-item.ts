import { deflateRawSync, inflateRawSync } from "node:zlib";
import type { AttributeValue } from "@aws-sdk/client-dynamodb";
import type { CommitId, JobId, TenantId } from "../../contract/ids.ts";
import type { ListPlace } from "../../core/list-cursor.ts";
import type { Clock, Head, StoredCommit } from "../../core/ports.ts";
import { JOBS_INDEX, TABLE, WAKE_INDEX, WAKE_SHARDS } from "./table-schema.ts";

export type Item = Record<string, AttributeValue>;

/** A write unit holds 1 KB: a body that is longer is worth compressing. */
const COMPRESS_ABOVE_BYTES = 700;
const DEFLATE_LEVEL = 6;
const COMMIT = "c#";
const SEQ_DIGITS = 10;

/** Seqs sort as text because they all have the same number of digits. */
export const commitKey = (jobId: JobId, firstSeq: number): Item => ({
  [TABLE.partitionKey]: { S: jobId },
  [TABLE.sortKey]: { S: sortKeyOf(firstSeq) },
});

export const sortKeyOf = (firstSeq: number): string => COMMIT + String(firstSeq).padStart(SEQ_DIGITS, "0");
/** Above the sort key of every commit, below those of a job's other items. */
export const AFTER_COMMITS = `${COMMIT}~`;

/**
 * A commit as an item: `l` of the last seq is kept as `n`, `i` commit id, `p` deploySeq, `at` time, `o` tenant, `s` the
 * snapshot's seq, `b` the body: text, or bytes of raw DEFLATE (RFC 1951).
 */
export function itemOf(commit: StoredCommit, expiresMs: number | undefined, head: Head | undefined): Item {
  return {
    ...commitKey(commit.jobId, commit.firstSeq),
    n: { N: String(commit.lastSeq) },
    i: { S: commit.commitId },
    p: { N: String(commit.deploySeq) },
    at: { S: commit.time },
    o: { S: commit.tenant },
    b: packed(commit.body),
    ...(commit.snapshotSeq === undefined ? {} : { s: { N: String(commit.snapshotSeq) } }),
    ...(expiresMs === undefined ? {} : { [TABLE.timeToLive]: { N: String(Math.ceil(expiresMs / 1_000)) } }),
    ...(head ? headAttributes(head) : {}),
  };
}

/** Throws for an item that is no commit of ours. */
export function commitOf(item: Item): StoredCommit {
  const snapshotSeq = item.s?.N;
  return {
    jobId: text(item, TABLE.partitionKey) as JobId,
    tenant: text(item, "o") as TenantId,
    firstSeq: Number(text(item, TABLE.sortKey).slice(COMMIT.length)),
    lastSeq: number(item, "n"),
    commitId: text(item, "i") as CommitId,
    deploySeq: number(item, "p"),
    time: text(item, "at"),
    body: unpacked(item),
    ...(snapshotSeq === undefined ? {} : { snapshotSeq: Number(snapshotSeq) }),
  };
}

export function headOf(item: Item): Head {
  const wakeAt = item[WAKE_INDEX.sortKey]?.N;
  return {
    jobId: text(item, TABLE.partitionKey) as JobId,
    tenant: text(item, JOBS_INDEX.partitionKey) as TenantId,
    workflow: text(item, "wf"),
    status: text(item, "st") as Head["status"],
    createdAt: text(item, "ct"),
    wakeAtMs: wakeAt === undefined ? undefined : Number(wakeAt),
    expiresMs: number(item, "xp"),
  };
}

function headAttributes({ jobId, tenant, workflow, status, createdAt, wakeAtMs, expiresMs }: Head): Item {
  return {
    [JOBS_INDEX.partitionKey]: { S: tenant },
    [JOBS_INDEX.sortKey]: { S: listKey({ createdAt, jobId }) },
    wf: { S: workflow },
    st: { S: status },
    ct: { S: createdAt },
    xp: { N: String(expiresMs) },
    ...(wakeAtMs === undefined ? {} : wakeAttributes(jobId, wakeAtMs)),
  };
}

export const wakeAttributes = (jobId: JobId, wakeAtMs: number): Item => ({
  [WAKE_INDEX.partitionKey]: { S: shardName(shardOf(jobId)) },
  [WAKE_INDEX.sortKey]: { N: String(wakeAtMs) },
});

/** Now, as a time to live is written. */
export const epochSeconds = (clock: Clock): AttributeValue => ({ N: String(Math.floor(clock.now() / 1_000)) });

export const listKey = ({ createdAt, jobId }: ListPlace): string => `${createdAt} ${jobId}`;
/** The other way round. */
export function placeOfKey(key: string): ListPlace {
  const [createdAt = "", jobId = ""] = key.split(" ");
  return { createdAt, jobId: jobId as JobId };
}
export const shardName = (shard: number): string => `w#${shard}`;

/** FNV-1a (datatracker.ietf.org/doc/draft-eastlake-fnv): spreads ids over the shards, whatever their first characters have in common. */
export function shardOf(jobId: JobId): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < jobId.length; at++) hash = Math.imul(hash ^ jobId.charCodeAt(at), 0x01000193);
  return (hash >>> 0) % WAKE_SHARDS;
}

function packed(body: string): AttributeValue {
  const bytes = Buffer.byteLength(body);
  if (bytes <= COMPRESS_ABOVE_BYTES) return { S: body };
  const compressed = deflateRawSync(body, { level: DEFLATE_LEVEL });
  return compressed.length < bytes ? { B: compressed } : { S: body };
}

function unpacked({ b }: Item): string {
  if (b?.S !== undefined) return b.S;
  if (b?.B !== undefined) return inflateRawSync(b.B).toString("utf8");
  throw new TypeError("a commit's item has no body");
}

function text(item: Item, name: string): string {
  const value = item[name]?.S;
  if (value === undefined) throw new TypeError(`an item of the table has no text ${JSON.stringify(name)}`);
  return value;
}

function number(item: Item, name: string): number {
  const value = Number(item[name]?.N);
  if (!Number.isFinite(value)) throw new TypeError(`an item of the table has no number ${JSON.stringify(name)}`);
  return value;
}
