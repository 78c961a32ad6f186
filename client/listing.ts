/** One answer of a list. */
export interface Page<T> {
  readonly items: readonly T[];
  /** The cursor of what follows, where there may be more. */
  readonly next: string | undefined;
}

/** A list that is read as far as it is iterated over: item by item, or page by page. */
export class Listing<T> implements AsyncIterable<T> {
  readonly #read: (cursor: string | undefined) => Promise<Page<T>>;

  constructor(read: (cursor: string | undefined) => Promise<Page<T>>) {
    this.#read = read;
  }

  /** @param from the `next` of an earlier page */
  async *pages(from?: string): AsyncGenerator<Page<T>> {
    let cursor = from;
    do {
      const page = await this.#read(cursor);
      yield page;
      cursor = page.next;
    } while (cursor !== undefined);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T> {
    for await (const { items } of this.pages()) yield* items;
  }
}
