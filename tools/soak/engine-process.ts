import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { appendFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { adopt, stop } from "../../bench/children.ts";

const ROOT = join(import.meta.dirname, "../..");
const HEALTH_POLL_MS = 5;

/** When a process of the engine did what, in epoch ms. */
export interface Life {
  /** Counted from 0. */
  readonly generation: number;
  readonly pid: number | undefined;
  readonly startedMs: number;
  /** When `/healthz` first answered. */
  healthyMs?: number;
  killedMs?: number;
  /** When it was killed, in words. */
  moment?: string;
}

export interface EngineOptions {
  readonly generation: number;
  readonly dataDir: string;
  /** The model server, without the path. */
  readonly modelUrl: string;
  readonly logFile: string;
}

/** The embedded engine as `npm start` starts it: a process of its own, with no special build. */
export class EngineProcess {
  readonly life: Life;
  /** Resolves with the URL once `/healthz` answers; never, if the process ends before. */
  readonly healthy: Promise<string>;
  /** Resolves with why it has ended if nobody here ended it. */
  readonly died: Promise<string>;
  /** Where it listens; undefined before and after. */
  url: string | undefined;
  readonly #child: ChildProcess;
  readonly #closed: Promise<unknown>;
  #ended = false;

  constructor({ generation, dataDir, modelUrl, logFile }: EngineOptions) {
    const model = `openai-compatible:${modelUrl}/g${generation}/v1#soak`;
    const flags = ["--app", "tools/soak/soak-app.ts", "--data", dataDir, "--port", "0", "--model", model];
    const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("SLUICE_")));
    const startedMs = Date.now();
    const child = adopt(
      spawn(process.execPath, ["src/host/main.ts", ...flags, "--corpus", "docs", "--log-level", "ERROR"], {
        cwd: ROOT,
        env,
        stdio: ["ignore", "pipe", "pipe"],
      }),
    );
    this.#child = child;
    this.life = { generation, pid: child.pid, startedMs };
    this.#closed = once(child, "close");
    let said = "";
    const listening = new Promise<string>((resolve) => {
      for (const stream of [child.stdout, child.stderr]) {
        stream.setEncoding("utf8").on("data", (chunk: string) => {
          appendFileSync(logFile, chunk);
          said = (said + chunk).slice(-4_000);
          const url = /listens on (http:\/\/127\.0\.0\.1:\d+)/.exec(said)?.[1];
          if (url !== undefined) resolve(url);
        });
      }
    });
    this.healthy = listening.then((url) => this.#health(url));
    this.died = new Promise((resolve) => {
      child.once("close", (code, signal) => {
        this.url = undefined;
        if (!this.#ended) resolve(`engine process ${generation} ended by itself (${code ?? signal}): ${said.trim()}`);
      });
    });
  }

  /** Ends it at once, and waits until it is gone. */
  async kill(moment: string): Promise<void> {
    this.#ended = true;
    this.life.moment = moment;
    this.life.killedMs = Date.now();
    this.#child.kill("SIGKILL");
    await this.#closed;
  }

  /** Lets it finish; resolves with its exit status. */
  async stop(): Promise<number | null> {
    this.#ended = true;
    await stop(this.#child, "SIGTERM");
    return this.#child.exitCode;
  }

  async #health(url: string): Promise<string> {
    while (!this.#ended) {
      const answer = await fetch(`${url}/healthz`).catch(() => undefined);
      if (answer?.status === 200) {
        this.life.healthyMs = Date.now();
        this.url = url;
        return url;
      }
      await pause(HEALTH_POLL_MS);
    }
    return new Promise(() => {});
  }
}
