import type { ChildProcess } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { memoryOf, start, stop } from "./children.ts";
import { type Answer, HttpClient } from "./http-client.ts";
import type { CommitTime, FromServer, ServerOptions, ServerStats, StepRun, ToServer } from "./server.ts";

/** Real disk, unlike a temporary folder on many machines; ignored by git and by npm. */
const DATA_ROOT = join(import.meta.dirname, "../node_modules/.cache/sluice-bench");

const dataDirs = new Set<string>();

/** Also when the run is broken off. Registered after the children's end, so that nobody writes there any more. */
process.on("exit", () => {
  for (const dataDir of dataDirs) removeData(dataDir);
});

export function newDataDir(): string {
  mkdirSync(DATA_ROOT, { recursive: true });
  const dataDir = mkdtempSync(join(DATA_ROOT, "data-"));
  dataDirs.add(dataDir);
  return dataDir;
}

export function removeData(dataDir: string): void {
  rmSync(dataDir, { recursive: true, force: true, maxRetries: 3 });
  dataDirs.delete(dataDir);
}

export interface SubmittedJob {
  readonly id: string;
  /** From the call to the 202. */
  readonly acceptedMs: number;
}

export interface EndedJob extends SubmittedJob {
  /** From the call to the news that the job has ended, in this process. */
  readonly ms: number;
}

/** The job's id, if it was accepted. */
export const acceptedId = ({ status, body }: Answer): string | undefined =>
  status === 202 ? (JSON.parse(body) as { id: string }).id : undefined;

/** A server under test and everything that a benchmark asks of it. */
export class Sluice {
  readonly url: string;
  readonly client: HttpClient;
  readonly #child: ChildProcess;
  readonly #dataDir: string;
  /** When the news of a job's end came, and how it ended. */
  readonly #ended = new Map<string, { atMs: number; status: string }>();
  readonly #waiting = new Map<string, () => void>();
  readonly #asked = new Map<number, (answer: unknown) => void>();

  private constructor(child: ChildProcess, url: string, dataDir: string, connections: number | undefined) {
    this.url = url;
    this.client = new HttpClient(url, connections);
    this.#child = child;
    this.#dataDir = dataDir;
    child.on("message", (message) => this.#hear(message as FromServer));
  }

  /** Starts a server on an empty data directory. `SLUICE_BENCH_EXEC_ARGV` adds options of node's, such as `--cpu-prof`. */
  static async start(options: Omit<ServerOptions, "dataDir">, connections?: number): Promise<Sluice> {
    const dataDir = newDataDir();
    const execArgv = (process.env.SLUICE_BENCH_EXEC_ARGV ?? "").split(" ").filter((option) => option !== "");
    const { child, url } = await start("server.ts", { ...options, dataDir } satisfies ServerOptions, execArgv);
    return new Sluice(child, url, dataDir, connections);
  }

  /** Runs `use` on a server of its own and clears everything away, also when it fails. */
  static async with<T>(
    options: Omit<ServerOptions, "dataDir">,
    use: (sluice: Sluice) => Promise<T>,
    connections?: number,
  ): Promise<T> {
    const sluice = await Sluice.start(options, connections);
    try {
      return await use(sluice);
    } finally {
      await sluice.close();
    }
  }

  /** Resolves at the 202. Rejects for any other answer. */
  async submit(workflow: string, input: unknown): Promise<SubmittedJob> {
    const answer = await this.client.post("/v1/jobs", { workflow, input });
    const id = acceptedId(answer);
    if (id === undefined) throw new Error(`POST /v1/jobs answered ${answer.status}: ${answer.body.slice(0, 300)}`);
    return { id, acceptedMs: answer.ms };
  }

  /** Submits a job and waits for its end. Rejects when it does not complete. */
  async run(workflow: string, input: unknown): Promise<EndedJob> {
    const startedMs = performance.now();
    const job = await this.submit(workflow, input);
    const { atMs, status } = await this.ended(job.id);
    this.#ended.delete(job.id);
    if (status !== "completed")
      throw new Error(`job ${job.id} ended as ${status}; ${JSON.stringify(await this.stats())}`);
    return { ...job, ms: atMs - startedMs };
  }

  /** When the news of the job's end came, in ms of this process's clock. */
  async ended(id: string): Promise<{ atMs: number; status: string }> {
    if (!this.#ended.has(id)) await new Promise<void>((resolve) => this.#waiting.set(id, resolve));
    return this.#ended.get(id) as { atMs: number; status: string };
  }

  stats(): Promise<ServerStats> {
    return this.#ask("stats") as Promise<ServerStats>;
  }

  /** The runs of steps since the last call. */
  runs(): Promise<StepRun[]> {
    return this.#ask("runs") as Promise<StepRun[]>;
  }

  /** The commits since the last call. */
  commits(): Promise<CommitTime[]> {
    return this.#ask("commits") as Promise<CommitTime[]>;
  }

  memory(): { nowMb: number; peakMb: number } {
    return memoryOf(this.#child.pid ?? 0);
  }

  /** Lets the server close its files, then makes sure that it is gone. */
  async close(): Promise<void> {
    this.client.close();
    if (this.#child.connected) {
      await Promise.race([this.#ask("close"), new Promise((resolve) => setTimeout(resolve, 5_000).unref())]);
      // A server that was told to write a profile does so when it ends by itself.
      await Promise.race([
        new Promise((resolve) => this.#child.once("exit", resolve)),
        new Promise((resolve) => setTimeout(resolve, 5_000).unref()),
      ]);
    }
    await stop(this.#child);
    removeData(this.#dataDir);
  }

  #ask(what: ToServer["what"]): Promise<unknown> {
    const ask = this.#asked.size === 0 ? 1 : Math.max(...this.#asked.keys()) + 1;
    return new Promise((resolve, reject) => {
      this.#asked.set(ask, resolve);
      this.#child.send({ ask, what } satisfies ToServer, (error) => error && reject(error));
    });
  }

  #hear(message: FromServer): void {
    if ("ask" in message) {
      this.#asked.get(message.ask)?.(message.answer);
      this.#asked.delete(message.ask);
      return;
    }
    const atMs = performance.now();
    for (const [id, status] of message.ended) {
      this.#ended.set(id, { atMs, status });
      this.#waiting.get(id)?.();
      this.#waiting.delete(id);
    }
  }
}
