/** One way to follow jobs, as a benchmark uses it. */
export interface Channel {
  readonly name: string;
  /** Resolves when the reader is connected. Tells of each event by its seq and type, as soon as it is there. */
  follow(url: string, jobId: string, onEvent: (seq: number, type: string) => void): Promise<Reader>;
}

export interface Reader {
  close(): void;
}

/** Milliseconds by a clock that all processes of this machine share. */
export const sharedNow = (): number => performance.timeOrigin + performance.now();
