import { createHmac, randomFillSync } from "node:crypto";
import { type CommitId, type JobId, jobIdFrom, type TenantId } from "../../contract/ids.ts";
import type { Clock, Ids } from "../../core/ports.ts";

/**
 * Job ids that begin with their time, so that the rows of jobs at work lie side by side in the file: a commit then
 * writes few pages. With an idempotency key, an id that only the holder of `secret` can compute.
 */
export class KeyedIds implements Ids {
  readonly #secret: string;
  readonly #clock: Clock;
  readonly #pool = new Uint8Array(16 * 256);
  #used = this.#pool.length;

  constructor(secret: string, clock: Clock) {
    this.#secret = secret;
    this.#clock = clock;
  }

  jobId(tenant: TenantId, idempotencyKey?: string): JobId {
    if (idempotencyKey === undefined) return jobIdFrom(this.#timed16());
    return jobIdFrom(createHmac("sha256", this.#secret).update(`${tenant}\n${idempotencyKey}`).digest());
  }

  commitId(): CommitId {
    return Buffer.from(this.#random16()).toString("base64url") as CommitId;
  }

  random(): number {
    return Math.random();
  }

  /** 48 bits of epoch ms, 80 of randomness (the layout of RFC 9562's UUIDv7, without its version bits). */
  #timed16(): Uint8Array {
    const bytes = Buffer.from(this.#random16());
    bytes.writeUIntBE(this.#clock.now(), 0, 6);
    return bytes;
  }

  #random16(): Uint8Array {
    if (this.#used >= this.#pool.length) {
      randomFillSync(this.#pool);
      this.#used = 0;
    }
    this.#used += 16;
    return this.#pool.subarray(this.#used - 16, this.#used);
  }
}
