import type { BlobRef, Commit, EventBody } from "../contract/events.ts";
import type { Json } from "../contract/json.ts";
import type { Blobs, StoredCommit } from "./ports.ts";

/** A commit's events may take this much as JSON, in bytes of UTF-8; what is beyond goes to the blob store. */
export const MAX_COMMIT_BYTES = 65_536;
/** A reference takes about half of this: a smaller value stays. */
const MIN_VALUE_BYTES = 512;
/** Fields that may be large, and so may be checked into the blob store. */
const LARGE_FIELDS = ["input", "output", "result", "payload", "text"] as const;
type LargeField = (typeof LARGE_FIELDS)[number];
type Fields = Partial<Record<LargeField, Json>> & { refs?: Record<string, BlobRef> };
type Events = (EventBody & Fields)[];

const sizeOf = (value: unknown): number => Buffer.byteLength(JSON.stringify(value));

/** Turns a commit into what a store keeps, with its largest values in the blob store until the rest fits (claim check). `characters`: of all of it. */
export async function encodeCommit(
  commit: Commit,
  blobs: Blobs,
): Promise<{ stored: StoredCommit; characters: number }> {
  const whole = JSON.stringify(commit.events);
  const fits = whole.length * 3 <= MAX_COMMIT_BYTES || Buffer.byteLength(whole) <= MAX_COMMIT_BYTES;
  const body = fits ? whole : await checkIn(commit, blobs);
  const { events, ...header } = commit;
  const stored = { ...header, lastSeq: commit.firstSeq + events.length - 1, body };
  return { stored, characters: whole.length };
}

async function checkIn(commit: Commit, blobs: Blobs): Promise<string> {
  const events = commit.events.map((event) => ({ ...event }) as EventBody & Fields);
  const values = events.flatMap((event) =>
    LARGE_FIELDS.filter((field) => event[field] !== undefined).map((field) => {
      const text = JSON.stringify(event[field]);
      return { event, field, text, bytes: Buffer.byteLength(text) };
    }),
  );
  values.sort((a, b) => b.bytes - a.bytes);
  let size = sizeOf(events);
  for (const { event, field, text, bytes } of values) {
    if (size <= MAX_COMMIT_BYTES || bytes < MIN_VALUE_BYTES) break;
    const ref = await blobs.put(commit.jobId, text);
    const before = sizeOf(event);
    delete event[field];
    event.refs = { ...event.refs, [field]: ref };
    size += sizeOf(event) - before;
  }
  const body = JSON.stringify(events);
  if (size <= MAX_COMMIT_BYTES) return body;
  // Many small events: all of them together are the large value.
  return JSON.stringify({ ref: await blobs.put(commit.jobId, body) });
}

/** The commit with every value back in its place, and what it takes as JSON, in characters. */
export async function decodeCommit(
  { body, lastSeq: _, ...header }: StoredCommit,
  blobs: Blobs,
): Promise<{ commit: Commit; characters: number }> {
  const parsed = JSON.parse(body) as Events | { readonly ref: BlobRef };
  const events = Array.isArray(parsed) ? parsed : (JSON.parse(await blobs.get(parsed.ref)) as Events);
  let characters = Array.isArray(parsed) ? body.length : parsed.ref.bytes;
  for (const event of events) {
    if (event.refs === undefined) continue;
    for (const [field, ref] of Object.entries(event.refs)) {
      event[field as LargeField] = JSON.parse(await blobs.get(ref)) as Json;
      characters += ref.bytes;
    }
    delete event.refs;
  }
  return { commit: { ...header, events }, characters };
}
