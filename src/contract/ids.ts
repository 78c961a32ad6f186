/** A string that cannot be mistaken for another kind of id. */
type Branded<Name extends string> = string & { readonly __brand: Name };

/** One run of a workflow: `job_` and 26 lower-case base32 characters. */
export type JobId = Branded<"JobId">;
/** Who a job belongs to. Nothing crosses from one tenant to another. */
export type TenantId = Branded<"TenantId">;
/** A random id for one attempt to append, so that a writer recognises its own write after a lost answer. */
export type CommitId = Branded<"CommitId">;

const JOB_ID = /^job_[a-z2-7]{26}$/;
const TENANT_ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

/** The shape that {@link isJobId} accepts, for messages to people. */
export const JOB_ID_SHAPE = "job_ and 26 characters of a-z, 2-7";
/** The shape that {@link isTenantId} accepts, for messages to people. */
export const TENANT_ID_SHAPE = "1 to 64 characters of A-Z, a-z, 0-9, '.', '_' or '-', the first a letter or digit";

export const isJobId = (value: string): value is JobId => JOB_ID.test(value);
export const isTenantId = (value: string): value is TenantId => TENANT_ID.test(value);

const BASE32 = "abcdefghijklmnopqrstuvwxyz234567";

/** Makes a job id of at least 16 bytes of randomness or of a keyed hash (RFC 4648 base32, lower case). */
export function jobIdFrom(bytes: Uint8Array): JobId {
  if (bytes.length < 16) throw new RangeError(`a job id needs 16 bytes, got ${bytes.length}`);
  let text = "job_";
  let bits = 0;
  let buffer = 0;
  for (const byte of bytes.subarray(0, 17)) {
    buffer = (buffer << 8) | byte;
    bits += 8;
    while (bits >= 5 && text.length < 30) {
      bits -= 5;
      text += BASE32[(buffer >> bits) & 31];
    }
    buffer &= (1 << bits) - 1;
  }
  while (text.length < 30) text += BASE32[(buffer << (5 - bits)) & 31];
  return text as JobId;
}
