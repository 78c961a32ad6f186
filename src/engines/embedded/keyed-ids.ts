import { createHmac, randomFillSync } from "node:crypto";
import { type CommitId, type JobId, jobIdFrom, type TenantId } from "../../contract/ids.ts";
import type { Ids } from "../../core/ports.ts";

/** Random ids; with an idempotency key, a job id that only the holder of `secret` can compute. */
export class KeyedIds implements Ids {
  readonly #secret: string;
  readonly #pool = new Uint8Array(16 * 256);
  #used = this.#pool.length;

  constructor(secret: string) {
    this.#secret = secret;
  }

  jobId(tenant: TenantId, idempotencyKey?: string): JobId {
    if (idempotencyKey === undefined) return jobIdFrom(this.#random16());
    return jobIdFrom(createHmac("sha256", this.#secret).update(`${tenant}\n${idempotencyKey}`).digest());
  }

  commitId(): CommitId {
    return Buffer.from(this.#random16()).toString("base64url") as CommitId;
  }

  random(): number {
    return Math.random();
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
