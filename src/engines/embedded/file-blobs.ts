import { randomUUID } from "node:crypto";
import { mkdir, open, readFile, rename } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { BlobRef } from "../../contract/events.ts";
import type { JobId } from "../../contract/ids.ts";
import type { Blobs } from "../../core/ports.ts";
import { BlobError, checked, refOf } from "../shared/blob-ref.ts";

/** A file per value, synced before its reference is used. */
export class FileBlobs implements Blobs {
  readonly #dir: string;

  constructor(dir: string) {
    this.#dir = dir;
  }

  async put(jobId: JobId, text: string): Promise<BlobRef> {
    const ref = refOf(jobId, text);
    const path = join(this.#dir, ref.key);
    const temporary = `${path}.${randomUUID()}`;
    const folder = dirname(path);
    const made = await mkdir(folder, { recursive: true });
    const file = await open(temporary, "wx");
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
    await syncFolder(folder);
    // A new folder is an entry of its parent, which a power cut could take away as well.
    for (let child = folder; made !== undefined && child !== dirname(made); child = dirname(child)) {
      await syncFolder(dirname(child));
    }
    return ref;
  }

  async get(ref: BlobRef): Promise<string> {
    try {
      return checked(ref, await readFile(join(this.#dir, ref.key), "utf8"));
    } catch (error) {
      if (error instanceof BlobError) throw error;
      throw new BlobError(`blob ${ref.key} cannot be read`, { cause: error });
    }
  }
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** For an engine without a folder. */
export class MemoryBlobs implements Blobs {
  readonly #texts = new Map<string, string>();

  async put(jobId: JobId, text: string): Promise<BlobRef> {
    const ref = refOf(jobId, text);
    this.#texts.set(ref.key, text);
    return ref;
  }

  async get(ref: BlobRef): Promise<string> {
    const text = this.#texts.get(ref.key);
    if (text === undefined) throw new BlobError(`blob ${ref.key} cannot be read`);
    return checked(ref, text);
  }
}
