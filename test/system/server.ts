import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { JobView } from "../../src/contract/api.ts";
import type { JobEvent } from "../../src/contract/events.ts";

export const FAULTY_APP = "test/system/faulty-app.ts";

/** `npm start` as a process of its own, on a free port. */
export class ServerProcess {
  readonly url: string;
  readonly output: () => string;
  readonly #child: ChildProcess;

  constructor(child: ChildProcess, url: string, output: () => string) {
    this.#child = child;
    this.url = url;
    this.output = output;
  }

  static async start(...flags: string[]): Promise<ServerProcess> {
    const { child, text } = launch(["--port", "0", ...flags]);
    for (;;) {
      const url = /listens on (http:\S+)/.exec(text())?.[1];
      if (url !== undefined) return new ServerProcess(child, url, text);
      if (child.exitCode !== null) throw new Error(`the server ended with ${child.exitCode}: ${text()}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  /** Starts one that is expected to end by itself; resolves with its exit code and all it wrote. */
  static async fails(
    flags: readonly string[],
    env: NodeJS.ProcessEnv = {},
  ): Promise<{ code: number | null; text: string }> {
    const { child, text } = launch(flags, env);
    const [code] = (await once(child, "close")) as [number | null];
    return { code, text: text() };
  }

  async stop(signal: "SIGKILL" | "SIGTERM"): Promise<number | null> {
    const closed = once(this.#child, "close");
    this.#child.kill(signal);
    const [code] = (await closed) as [number | null];
    return code;
  }
}

function launch(flags: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const child = spawn(process.execPath, ["src/host/main.ts", ...flags], {
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let text = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk;
    });
  }
  return { child, text: () => text };
}

export interface TemporaryFolder extends Disposable {
  readonly path: string;
}

export function temporaryFolder(): TemporaryFolder {
  const path = mkdtempSync(join(tmpdir(), "sluice-test-"));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

/** A caller of the API, with nothing but fetch. */
export class Caller {
  readonly #url: string;
  readonly #headers: Readonly<Record<string, string>>;

  constructor(url: string, headers: Readonly<Record<string, string>> = {}) {
    this.#url = url;
    this.#headers = headers;
  }

  get(path: string): Promise<Response> {
    return fetch(this.#url + path, { headers: this.#headers });
  }

  post(body: unknown, headers: Readonly<Record<string, string>> = {}): Promise<Response> {
    return fetch(`${this.#url}/v1/jobs`, {
      method: "POST",
      headers: { "content-type": "application/json", ...this.#headers, ...headers },
      body: typeof body === "string" ? body : JSON.stringify(body),
    });
  }

  async submit(workflow: string, input: unknown): Promise<JobView> {
    const response = await this.post({ workflow, input });
    if (response.status !== 202) throw new Error(`expected 202, got ${response.status}: ${await response.text()}`);
    return (await response.json()) as JobView;
  }

  async job(id: string): Promise<JobView> {
    return (await (await this.get(`/v1/jobs/${id}`)).json()) as JobView;
  }

  /** The whole log, page by page. */
  async events(id: string): Promise<JobEvent[]> {
    const events: JobEvent[] = [];
    for (;;) {
      const path = `/v1/jobs/${id}/events?limit=1000&after=${events.length}`;
      const page = (await (await this.get(path)).json()) as { events: JobEvent[] };
      if (page.events.length === 0) return events;
      events.push(...page.events);
    }
  }

  /** Polls until the job is no longer running. */
  async settled(id: string): Promise<JobView> {
    for (;;) {
      const job = await this.job(id);
      if (job.status !== "running") return job;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  async run(workflow: string, input: unknown): Promise<JobView> {
    return this.settled((await this.submit(workflow, input)).id);
  }
}
