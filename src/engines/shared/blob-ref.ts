import { createHash } from "node:crypto";
import type { BlobRef } from "../../contract/events.ts";
import type { JobId } from "../../contract/ids.ts";

/** A blob is missing, or is not what was put. */
export class BlobError extends Error {
  override readonly name = "BlobError";
}

/** The reference of a text: content-addressed below its job. */
export function refOf(jobId: JobId, text: string): BlobRef {
  const sha256 = digestOf(text);
  return { key: `${jobId}/${sha256}`, bytes: Buffer.byteLength(text), sha256 };
}

/** The text, if it is what the reference says. Throws {@link BlobError} otherwise. */
export function checked(ref: BlobRef, text: string): string {
  const sha256 = digestOf(text);
  if (sha256 !== ref.sha256) throw new BlobError(`blob ${ref.key} has SHA-256 ${sha256}, expected ${ref.sha256}`);
  return text;
}

const digestOf = (text: string): string => createHash("sha256").update(text).digest("hex");
