import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { type Command, ExampleProcess, freePort } from "./example-process.ts";

const ROOT = resolve(import.meta.dirname, "../..");

/** A service of an example: how it is started, and the app module with its workflow. */
export interface Example {
  readonly service: (step: Step, port: number) => Command;
  readonly app: string;
}

/** 0: synchronous, 1: waiting, 2: streaming. */
export type Step = 0 | 1 | 2;

export interface StandOptions {
  /** How long an answer of the model takes, give or take a fifth. */
  readonly answerMs: number;
  /** What the gateway gives a request. */
  readonly limitMs: number;
  /** For how long the old route waits in steps 1 and 2; less than the limit. */
  readonly waitS: number;
}

export interface ModelCall {
  readonly question: string;
  readonly round: "draft" | "answer";
  readonly answered: boolean;
}

export interface GatewayCounts {
  readonly open: number;
  readonly peak: number;
  readonly answers: Readonly<Record<string, number>>;
}

const node = (...args: string[]): Command["argv"] => [process.execPath, ...args];

const SERVERS: Readonly<Record<Step, string>> = {
  0: "step-0-synchronous/server.ts",
  1: "step-1-wait/server.ts",
  2: "step-2-stream/server.ts",
};

export const EXPRESS: Example = {
  service: (step, port) => ({
    argv: node(join(ROOT, "examples/express", SERVERS[step])),
    env: { PORT: String(port) },
  }),
  app: "examples/express/step-1-wait/sluice.ts",
};

/** One step of an example with all that belongs to it, each a process of its own: gateway → service (→ Sluice) → model. */
export class Stand implements AsyncDisposable {
  readonly model: ExampleProcess;
  readonly service: ExampleProcess;
  /** Undefined in step 0. */
  readonly sluice: ExampleProcess | undefined;
  readonly gateway: ExampleProcess;
  /** Where callers ask. */
  readonly url: string;
  /** The service itself, without the gateway. */
  readonly serviceUrl: string;
  readonly #modelUrl: string;
  readonly #dataDir: string;

  private constructor(
    parts: Pick<Stand, "model" | "service" | "sluice" | "gateway" | "url" | "serviceUrl">,
    modelUrl: string,
    dataDir: string,
  ) {
    this.model = parts.model;
    this.service = parts.service;
    this.sluice = parts.sluice;
    this.gateway = parts.gateway;
    this.url = parts.url;
    this.serviceUrl = parts.serviceUrl;
    this.#modelUrl = modelUrl;
    this.#dataDir = dataDir;
  }

  static async start(example: Example, step: Step, options: StandOptions): Promise<Stand> {
    const [modelPort, sluicePort, servicePort, gatewayPort] = await Promise.all([
      freePort(),
      freePort(),
      freePort(),
      freePort(),
    ]);
    const at = (port: number): string => `http://127.0.0.1:${port}`;
    const urls = { MODEL_URL: at(modelPort), SLUICE_URL: at(sluicePort), SERVICE_URL: at(servicePort) };
    const dataDir = mkdtempSync(join(tmpdir(), "sluice-example-"));
    const flags = ["--app", example.app, "--data", dataDir, "--port", String(sluicePort)];
    const service = example.service(step, servicePort);
    const started: ExampleProcess[] = [];
    const begin = async (command: Command): Promise<ExampleProcess> => {
      const begun = await ExampleProcess.start({ ...command, env: { ...urls, ...command.env } });
      started.push(begun);
      return begun;
    };
    try {
      const [model, sluice, behind, gateway] = await Promise.all([
        begin({
          argv: node(join(ROOT, "examples/slow-model/model-server.ts")),
          env: { PORT: String(modelPort), ANSWER_MS: String(options.answerMs) },
        }),
        step === 0
          ? undefined
          : begin({ argv: node("--import", "./tools/from-source.ts", "src/host/main.ts", ...flags), cwd: ROOT }),
        begin({ ...service, env: { ...service.env, WAIT_S: String(options.waitS) } }),
        begin({
          argv: node(join(ROOT, "examples/slow-model/gateway.ts")),
          env: { PORT: String(gatewayPort), UPSTREAM: at(servicePort), LIMIT_MS: String(options.limitMs) },
        }),
      ]);
      const parts = { model, sluice, service: behind, gateway, url: at(gatewayPort), serviceUrl: at(servicePort) };
      return new Stand(parts, at(modelPort), dataDir);
    } catch (error) {
      await Promise.all(started.map((each) => each.kill()));
      rmSync(dataDir, { recursive: true, force: true });
      throw error;
    }
  }

  /** Kills the service and Sluice with -9 in one moment, and starts both again at once, as a supervisor does. */
  async killAndRestart(): Promise<void> {
    const ours = [this.service, ...(this.sluice ? [this.sluice] : [])];
    await Promise.all(ours.map((each) => each.kill()));
    await Promise.all(ours.map((each) => each.start()));
  }

  async modelCalls(): Promise<readonly ModelCall[]> {
    return (await (await fetch(`${this.#modelUrl}/calls`)).json()) as ModelCall[];
  }

  async gatewayCounts(): Promise<GatewayCounts> {
    return (await (await fetch(`${this.url}/gateway/counts`)).json()) as GatewayCounts;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const all = [this.gateway, this.service, this.model, ...(this.sluice ? [this.sluice] : [])];
    await Promise.all(all.map((each) => each.kill()));
    rmSync(this.#dataDir, { recursive: true, force: true });
  }
}
