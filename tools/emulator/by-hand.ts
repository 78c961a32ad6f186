import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { UsageError } from "../read-outputs.ts";
import { answers, clientEnvironment, commandOf, Emulator, type EmulatorOptions, endGroup, urlOf } from "./emulator.ts";
import { Instance } from "./instance.ts";
import { bootstrap, CONFORMANCE_APP, showInstance } from "./run.ts";
import type { Steps } from "./steps.ts";

interface Up {
  readonly pid: number;
  readonly app: string;
}

const stateOf = (dir: string): string => `${dir}.up.json`;
const instanceOf = ({ port, dir }: EmulatorOptions, app: string): Instance => {
  const work = join(dir, "work");
  mkdirSync(work, { recursive: true });
  return new Instance({ port, dir: work, stage: "dev", app, webhooksToLoopback: true });
};

/** Starts the emulator for work by hand and deploys an app; it stays until {@link down}. */
export async function up(steps: Steps, options: EmulatorOptions, app = CONFORMANCE_APP): Promise<void> {
  const { port, dir } = options;
  const emulator = await Emulator.start({ ...options, owned: false });
  // Until all is up it ends with this process, however that ends.
  const end = (): void => emulator.kill();
  process.once("exit", end);
  const instance = instanceOf(options, app);
  await steps.step("cdk bootstrap", () => bootstrap(options));
  await steps.step(`npm run deploy: ${app}`, () => instance.deploy());
  const key = await instance.key("default");
  writeFileSync(stateOf(dir), JSON.stringify({ pid: emulator.pid, app } satisfies Up));
  process.off("exit", end);
  const exported = Object.entries(clientEnvironment(port)).filter(([name]) => /^(AWS|CDK)_/.test(name));
  console.log(`
The API is at ${instance.url}, the emulator at ${urlOf(port)}; its log is ${emulator.logFile}

  curl -s ${instance.url}v1/jobs -H 'authorization: Bearer ${key}' -H 'content-type: application/json' \\
    -d '{"workflow":"analysis","input":{"query":"How are SQS queues encrypted by default, and what is 12 * (3 + 4)?"}}'

The tools that take --outputs FILE find it in ${instance.outputsFile}. They, the CDK and the SDK speak with the emulator after

  export ${exported.map(([name, value]) => `${name}=${value}`).join(" ")}

${commandOf("test", port)} looks at it, ${commandOf("down", port)} ends it.`);
}

/** Looks at what {@link up} has left up. */
export async function test(steps: Steps, options: EmulatorOptions): Promise<void> {
  const { app } = stateFile(options);
  const instance = instanceOf(options, app);
  await showInstance(steps, instance, options.dir);
}

/** Ends what {@link up} has started. */
export async function down(options: EmulatorOptions): Promise<void> {
  const { pid } = stateFile(options);
  // Where nothing listens it has ended already, and its number may be another's by now.
  if (await answers(options.port)) await endGroup(pid);
  rmSync(stateOf(options.dir), { force: true });
  rmSync(options.dir, { recursive: true, force: true });
}

function stateFile({ port, dir }: EmulatorOptions): Up {
  try {
    return JSON.parse(readFileSync(stateOf(dir), "utf8")) as Up;
  } catch {
    throw new UsageError(`nothing is up on port ${port}: ${commandOf("up", port)} starts it`);
  }
}
