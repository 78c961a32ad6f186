import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { type Command, ExampleProcess, freePorts } from "./example-process.ts";

const ROOT = resolve(import.meta.dirname, "../..");

/** A service of an example: how it is started, and the app module with its workflow. */
export interface Example {
  readonly service: (step: Step, port: number) => Command;
  /** What its workflow calls outside of Sluice, if anything. */
  readonly steps?: (port: number) => Command;
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
  /** Of Sluice. @default the example's */
  readonly app?: string;
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

const FROM_SOURCE = ["--import", "./tools/from-source.ts"];

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
  readonly steps: ExampleProcess | undefined;
  readonly gateway: ExampleProcess;
  /** Where callers ask. */
  readonly url: string;
  /** The service itself, without the gateway. */
  readonly serviceUrl: string;
  readonly #modelUrl: string;
  readonly #dataDir: string;

  private constructor(
    parts: Pick<Stand, "model" | "service" | "sluice" | "steps" | "gateway" | "url" | "serviceUrl">,
    modelUrl: string,
    dataDir: string,
  ) {
    this.model = parts.model;
    this.service = parts.service;
    this.sluice = parts.sluice;
    this.steps = parts.steps;
    this.gateway = parts.gateway;
    this.url = parts.url;
    this.serviceUrl = parts.serviceUrl;
    this.#modelUrl = modelUrl;
    this.#dataDir = dataDir;
  }

  static async start(example: Example, step: Step, options: StandOptions): Promise<Stand> {
    const ports = await freePorts(5);
    const [modelPort = 0, sluicePort = 0, servicePort = 0, stepsPort = 0, gatewayPort = 0] = ports;
    const [modelUrl = "", sluiceUrl = "", serviceUrl = "", stepsUrl = "", url = ""] = ports.map(
      (port) => `http://127.0.0.1:${port}`,
    );
    const dataDir = mkdtempSync(join(tmpdir(), "sluice-example-"));
    const flags = ["--app", options.app ?? example.app, "--data", dataDir, "--port", String(sluicePort)];
    const env = {
      MODEL_URL: modelUrl,
      SLUICE_URL: sluiceUrl,
      STEPS_URL: stepsUrl,
      UPSTREAM: serviceUrl,
      ANSWER_MS: String(options.answerMs),
      LIMIT_MS: String(options.limitMs),
      WAIT_S: String(options.waitS),
    };
    const started: ExampleProcess[] = [];
    const begin = async (command: Command): Promise<ExampleProcess> => {
      const begun = await ExampleProcess.start({ ...command, env: { ...env, ...command.env } });
      started.push(begun);
      return begun;
    };
    const slow = (file: string, port: number): Command => ({
      argv: node(join(ROOT, "examples/slow-model", file)),
      env: { PORT: String(port) },
    });
    const all = [
      begin(slow("model-server.ts", modelPort)),
      begin(slow("gateway.ts", gatewayPort)),
      begin(example.service(step, servicePort)),
      step === 0 ? undefined : begin({ argv: node(...FROM_SOURCE, "src/host/main.ts", ...flags), cwd: ROOT }),
      step === 0 || example.steps === undefined ? undefined : begin(example.steps(stepsPort)),
    ] as const;
    try {
      const [model, gateway, service, sluice, steps] = await Promise.all(all);
      return new Stand({ model, gateway, service, sluice, steps, url, serviceUrl }, modelUrl, dataDir);
    } catch (error) {
      await Promise.allSettled(all);
      await Promise.all(started.map((each) => each.kill()));
      rmSync(dataDir, { recursive: true, force: true });
      throw error;
    }
  }

  /** Kills the service and Sluice with -9 in one moment, and starts them again at once, as a supervisor does. */
  async killAndRestart(): Promise<void> {
    const ours = this.#ours();
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
    await Promise.all([this.gateway, this.model, ...this.#ours()].map((each) => each.kill()));
    rmSync(this.#dataDir, { recursive: true, force: true });
  }

  #ours(): ExampleProcess[] {
    return [this.service, this.sluice, this.steps].filter((each) => each !== undefined);
  }
}
