import { promisify } from "node:util";
import { gunzip, gzip } from "node:zlib";
import { GetObjectCommand, NoSuchKey, PutObjectCommand, type S3Client } from "@aws-sdk/client-s3";
import { JOBS_PREFIX } from "../../contract/bucket-keys.ts";
import type { BlobRef } from "../../contract/events.ts";
import type { JobId } from "../../contract/ids.ts";
import { UnavailableError } from "../../core/errors.ts";
import type { Blobs, Snapshots } from "../../core/ports.ts";
import { BlobError, checked, refOf } from "../shared/blob-ref.ts";
import { asUnavailable } from "./unavailable.ts";

export interface S3Props {
  readonly client: S3Client;
  readonly bucket: string;
}

/** A gzipped object per value, below its job. */
export class S3Blobs implements Blobs {
  readonly #objects: TextObjects;

  constructor(props: S3Props) {
    this.#objects = new TextObjects(props);
  }

  async put(jobId: JobId, text: string): Promise<BlobRef> {
    const ref = refOf(jobId, text);
    await this.#objects.put(ref.key, text);
    return ref;
  }

  async get(ref: BlobRef): Promise<string> {
    let text: string | undefined;
    try {
      text = await this.#objects.get(ref.key);
    } catch (error) {
      if (error instanceof UnavailableError) throw error;
      throw new BlobError(`blob ${ref.key} cannot be read`, { cause: error });
    }
    if (text === undefined) throw new BlobError(`blob ${ref.key} is not there`);
    return checked(ref, text);
  }
}

export interface S3SnapshotsProps extends S3Props {
  /** @default 3 s, all tries together */
  readonly giveUpMs?: number;
}

const GIVE_UP_MS = 3_000;

/**
 * A gzipped object per snapshot, below its job. Nobody needs one: it must not hold up a step, whose lease runs, for as long
 * as a bucket that does not answer would.
 */
export class S3Snapshots implements Snapshots {
  readonly #objects: TextObjects;
  readonly #giveUpMs: number;

  constructor({ giveUpMs = GIVE_UP_MS, ...props }: S3SnapshotsProps) {
    this.#objects = new TextObjects(props);
    this.#giveUpMs = giveUpMs;
  }

  async put(jobId: JobId, seq: number, text: string): Promise<void> {
    await this.#objects.put(keyOf(jobId, seq), text, AbortSignal.timeout(this.#giveUpMs));
  }

  async get(jobId: JobId, seq: number): Promise<string | undefined> {
    return this.#objects.get(keyOf(jobId, seq), AbortSignal.timeout(this.#giveUpMs));
  }
}

const keyOf = (jobId: JobId, seq: number): string => `${jobId}/snapshot-${seq}`;

const compress = promisify(gzip);
const decompress = promisify(gunzip);

class TextObjects {
  readonly #client: S3Client;
  readonly #bucket: string;

  constructor({ client, bucket }: S3Props) {
    this.#client = client;
    this.#bucket = bucket;
  }

  async put(key: string, text: string, abortSignal?: AbortSignal): Promise<void> {
    const Body = await compress(text);
    try {
      await this.#client.send(
        new PutObjectCommand({
          Bucket: this.#bucket,
          Key: JOBS_PREFIX + key,
          Body,
          ContentType: "application/gzip",
        }),
        abortSignal ? { abortSignal } : {},
      );
    } catch (error) {
      throw asUnavailable(error);
    }
  }

  async get(key: string, abortSignal?: AbortSignal): Promise<string | undefined> {
    const bytes = await this.#bytes(key, abortSignal);
    return bytes && (await decompress(bytes)).toString("utf8");
  }

  async #bytes(key: string, abortSignal: AbortSignal | undefined): Promise<Uint8Array | undefined> {
    try {
      const { Body } = await this.#client.send(
        new GetObjectCommand({ Bucket: this.#bucket, Key: JOBS_PREFIX + key }),
        abortSignal ? { abortSignal } : {},
      );
      return await Body?.transformToByteArray();
    } catch (error) {
      if (error instanceof NoSuchKey) return undefined;
      throw asUnavailable(error);
    }
  }
}
