/** The calls that this process is making now. Its own clock may jump past a lease; it still knows what it does. */
export class Calls {
  readonly #running = new Set<string>();

  begin(jobId: string, stepId: string, attempt: number): () => void {
    const key = keyOf(jobId, stepId, attempt);
    this.#running.add(key);
    return () => this.#running.delete(key);
  }

  has(jobId: string, stepId: string, attempt: number): boolean {
    return this.#running.has(keyOf(jobId, stepId, attempt));
  }
}

const keyOf = (jobId: string, stepId: string, attempt: number): string => `${jobId}#${attempt}/${stepId}`;
