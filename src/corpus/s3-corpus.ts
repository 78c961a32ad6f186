import { createWriteStream, existsSync, readdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { GetObjectCommand, type S3Client } from "@aws-sdk/client-s3";
import { CORPUS_KEY } from "../contract/bucket-keys.ts";
import type { Corpus, DocumentPart, Passage } from "../core/resources.ts";
import { TerminalError } from "../core/retry.ts";
import { type FtsCorpus, openIndex } from "./fts-corpus.ts";

export interface S3CorpusProps {
  readonly client: S3Client;
  readonly bucket: string;
  /** Where the index is kept on this machine: `/tmp` of a function. */
  readonly dir: string;
  /** An index that counts while the bucket holds none. */
  readonly fallbackFile?: string;
  readonly now: () => number;
  /** A download that takes longer is given up, in ms. @default 60_000 */
  readonly giveUpMs?: number;
  /** While there is an index: the bucket could not be asked, or has lost or damaged its index. */
  readonly onError: (error: unknown) => void;
}

/** How old what is searched may be, besides the time of one search. */
const FRESH_MS = 60_000;
const GIVE_UP_MS = 60_000;
const FILE = /^corpus-[0-9a-f]+\.index$/;

interface Loaded {
  readonly etag: string;
  readonly corpus: FtsCorpus;
}

/**
 * Search over the index in a bucket. It is fetched at the first search, and again when the bucket has another one. A
 * bucket that does not answer changes nothing while there is an index. A download whose connection went silent, as one does
 * that was under way when a function was frozen, ends by time: all searches of the process wait for it.
 */
export class S3Corpus implements Corpus {
  readonly #props: S3CorpusProps;
  #loaded: Loaded | undefined;
  #loading: Promise<FtsCorpus> | undefined;
  #askedAtMs = Number.NEGATIVE_INFINITY;

  constructor(props: S3CorpusProps) {
    this.#props = props;
  }

  async search(query: string, topK: number): Promise<readonly Passage[]> {
    return (await this.#current()).search(query, topK);
  }

  async read(path: string, start: number, length: number): Promise<DocumentPart | undefined> {
    return (await this.#current()).read(path, start, length);
  }

  /** Searches that come together share one download. */
  #current(): Promise<FtsCorpus> {
    const { now } = this.#props;
    if (this.#loaded && now() - this.#askedAtMs < FRESH_MS) return Promise.resolve(this.#loaded.corpus);
    this.#loading ??= this.#load().finally(() => {
      this.#loading = undefined;
    });
    return this.#loading;
  }

  async #load(): Promise<FtsCorpus> {
    const { client, bucket, fallbackFile, now, onError, giveUpMs = GIVE_UP_MS } = this.#props;
    const signal = AbortSignal.timeout(giveUpMs);
    try {
      const { Body, ETag = "" } = await client.send(
        new GetObjectCommand({
          Bucket: bucket,
          Key: CORPUS_KEY,
          ...(this.#loaded?.etag ? { IfNoneMatch: this.#loaded.etag } : {}),
        }),
        { abortSignal: signal },
      );
      this.#replace({ etag: ETag, corpus: openIndex(await this.#save(ETag, Body as Readable, signal)) });
    } catch (error) {
      const status = (error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode;
      // Without the right to list, S3 answers 403 for what is not there.
      const missing = status === 404 || status === 403;
      if (missing && this.#loaded === undefined && fallbackFile !== undefined && existsSync(fallbackFile)) {
        this.#replace({ etag: "", corpus: openIndex(fallbackFile) });
      } else if (this.#loaded === undefined) {
        throw missing ? noIndex(bucket) : error;
      } else if (status !== 304 && !(missing && this.#loaded.etag === "")) onError(error);
    }
    this.#askedAtMs = now();
    if (this.#loaded === undefined) throw noIndex(bucket);
    return this.#loaded.corpus;
  }

  /** The file appears in one piece: a download that was cut off, or whose checksum is another, never has its name. */
  async #save(etag: string, body: Readable, signal: AbortSignal): Promise<string> {
    const { dir } = this.#props;
    const file = join(dir, `corpus-${etag.replaceAll(/[^0-9a-f]/g, "") || "0"}.index`);
    if (existsSync(file)) {
      body.destroy();
      return file;
    }
    const draft = `${file}.${process.pid}`;
    try {
      await pipeline(body, createWriteStream(draft), { signal });
      renameSync(draft, file);
    } finally {
      rmSync(draft, { force: true });
    }
    for (const name of readdirSync(dir)) {
      // What is open stays readable, also without a name.
      if (FILE.test(name) && join(dir, name) !== file) rmSync(join(dir, name), { force: true });
    }
    return file;
  }

  /** A search runs from its beginning to its end in one go: none can be at work on the old index here. */
  #replace(loaded: Loaded): void {
    this.#loaded?.corpus.close();
    this.#loaded = loaded;
  }
}

const noIndex = (bucket: string): TerminalError =>
  new TerminalError(
    `there is no corpus: s3://${bucket}/${CORPUS_KEY} does not exist or may not be read. Build and send it: npm run corpus -- push DIR --outputs FILE`,
  );
