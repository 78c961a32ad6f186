import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { readOutputs } from "../read-outputs.ts";
import { Deployment } from "./checks/check.ts";
import { deployedResources } from "./deployed.ts";
import { clientEnvironment, urlOf } from "./emulator.ts";
import { runTool } from "./run-command.ts";

export interface InstanceOptions {
  readonly port: number;
  /** Where the outputs go, and what is synthesized. */
  readonly dir: string;
  readonly stage: "dev" | "prod";
  /** Of `-c instance`. @default none */
  readonly name?: string;
  /** By its path. @default that of the project */
  readonly app?: string;
  /** Its webhooks may go to this machine, which its functions run on. @default false */
  readonly webhooksToLoopback?: boolean;
}

/** An instance on the emulator, deployed and removed with the commands that users have. */
export class Instance {
  readonly #options: InstanceOptions;
  readonly env: NodeJS.ProcessEnv;
  readonly outputsFile: string;

  constructor(options: InstanceOptions) {
    this.#options = options;
    this.env = clientEnvironment(options.port);
    this.outputsFile = join(options.dir, `outputs.${this.fullName}.json`);
  }

  get fullName(): string {
    const { name, stage } = this.#options;
    return name === undefined ? stage : `${name}-${stage}`;
  }

  get stacks(): readonly [data: string, app: string] {
    return [`sluice-${this.fullName}-data`, `sluice-${this.fullName}-app`];
  }

  /** Where the API answers; ends in `/`. */
  get url(): string {
    return readOutputs(this.outputsFile).ApiUrl;
  }

  #context(more: Readonly<Record<string, string>> = {}): string[] {
    const { stage, name, app, webhooksToLoopback } = this.#options;
    const settings = {
      stage,
      ...(name === undefined ? {} : { instance: name }),
      ...(app === undefined ? {} : { app }),
      ...(webhooksToLoopback ? { webhooksToLoopback: "true" } : {}),
      ...more,
    };
    return Object.entries(settings).flatMap(([key, value]) => ["-c", `${key}=${value}`]);
  }

  /** `npm run deploy`. Throws, with what the CDK said, where that fails. @param more settings for this time */
  async deploy(more: Readonly<Record<string, string>> = {}): Promise<void> {
    await this.#run([...this.#context(more), "--output", join(this.#options.dir, "cdk.out")]);
  }

  /** The same of what was synthesized before. */
  async deployAssembly(assembly: string): Promise<void> {
    await this.#run([...this.#context(), "--app", assembly]);
  }

  async #run(flags: readonly string[]): Promise<void> {
    await runTool("deploy", [...flags, "--yes", "--no-notices", "--outputs-file", this.outputsFile], { env: this.env });
    pointToEmulator(this.outputsFile, this.#options.port);
  }

  /** `npm run destroy`. */
  async destroy(): Promise<void> {
    await runTool(
      "destroy",
      [...this.#context(), "--yes", "--no-notices", "--output", join(this.#options.dir, "cdk.out")],
      {
        env: this.env,
      },
    );
  }

  /** `npm run doctor`. Resolves with what it says; throws where something fails. */
  doctor(): Promise<string> {
    return runTool("doctor", this.#context(), { env: this.env });
  }

  /** `npm run key`: a key of a tenant. */
  async key(tenant: string): Promise<string> {
    const output = await runTool("key", ["--outputs", this.outputsFile, "--tenant", tenant], { env: this.env });
    return output.trim().split("\n").at(-1) ?? "";
  }

  async deployment(): Promise<Deployment> {
    return new Deployment(await deployedResources(this.stacks), this.#options.stage === "prod");
  }
}

/** The name that AWS gives to an API does not exist here: API Gateway is at a path of the emulator, by HTTP. */
export function pointToEmulator(outputsFile: string, port: number): void {
  const text = readFileSync(outputsFile, "utf8");
  const local = text.replaceAll(
    /(https|wss):\/\/([a-z0-9]+)\.execute-api\.[a-z0-9.-]+\//g,
    (_, scheme: string, id: string) =>
      `${scheme === "wss" ? urlOf(port).replace("http", "ws") : urlOf(port)}/_aws/execute-api/${id}/`,
  );
  writeFileSync(outputsFile, local);
}
