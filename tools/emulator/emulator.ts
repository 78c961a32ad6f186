import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync, readFileSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { delimiter, join } from "node:path";
import { signalGroup } from "../process-group.ts";
import { ensureVenv, type Venv } from "../python-venv.ts";
import { UsageError } from "../read-outputs.ts";

export const EMULATOR = "MiniStack 1.5.33";
export const ACCOUNT = "000000000000";
export const REGION = "us-east-1";
export const DEFAULT_PORT = 4599;
const ROOT = join(import.meta.dirname, "../..");
const READY_WITHIN_MS = 60_000;
const END_WITHIN_MS = 5_000;

export interface EmulatorOptions {
  readonly port: number;
  /** Its files: what it keeps, its log, the record of what functions did. Emptied first. */
  readonly dir: string;
  /** It ends when this process does, however that ends. @default true */
  readonly owned?: boolean;
}

/** MiniStack on loopback, its gaps filled, IAM enforced. Functions run on the Node of `node_modules`. */
export class Emulator {
  readonly url: string;
  /** What functions did: the lines of `recorder.py`. */
  readonly recordFile: string;
  readonly logFile: string;
  readonly pid: number;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, pid: number, { port, dir }: EmulatorOptions) {
    this.#child = child;
    this.pid = pid;
    this.url = urlOf(port);
    this.recordFile = recordFileOf(dir);
    this.logFile = join(dir, "emulator.log");
  }

  /** Resolves when it answers. Throws {@link UsageError} where the port is taken, or where Python is missing. */
  static async start(options: EmulatorOptions): Promise<Emulator> {
    const { port, dir, owned = true } = options;
    if (await answers(port)) {
      throw new UsageError(
        `port ${port} of 127.0.0.1 is taken: by an emulator that still runs (${commandOf("down", port)} ends it), or by something ` +
          "else; --port N uses another",
      );
    }
    const { python } = await emulatorVenv();
    rmSync(dir, { recursive: true, force: true });
    mkdirSync(join(dir, "tmp"), { recursive: true });
    // Its own, not a pipe of ours: one that outlives this process goes on writing.
    const log = openSync(join(dir, "emulator.log"), "a");
    const child = spawn(python, [join(import.meta.dirname, "launcher.py")], {
      cwd: dir,
      // With a group of its own, so that its functions end with it.
      detached: true,
      stdio: ["ignore", log, log],
      env: environmentOf(options, owned ? process.pid : undefined),
    });
    closeSync(log);
    if (child.pid === undefined) throw new Error(`${python} did not start`);
    const emulator = new Emulator(child, child.pid, options);
    // Also while it is not ready yet, and whether this process is its owner or not.
    const end = (): void => emulator.kill();
    process.once("exit", end);
    try {
      await emulator.#ready(port);
    } catch (error) {
      await emulator.stop();
      throw error;
    }
    if (!owned) {
      process.off("exit", end);
      child.unref();
    }
    return emulator;
  }

  async #ready(port: number): Promise<void> {
    const deadline = Date.now() + READY_WITHIN_MS;
    while (Date.now() < deadline) {
      if (this.#child.exitCode !== null) throw new Error(`the emulator ended at once: ${this.logFile} says why`);
      // Its own word, too: what answers could be another's that was faster to take the port.
      const listens = readFileSync(this.logFile, "utf8").includes(`Running on ${urlOf(port)}`);
      const up = listens ? await fetch(`${urlOf(port)}/_ministack/health`).catch(() => undefined) : undefined;
      if (up?.ok) return;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    throw new Error(`the emulator did not answer within ${READY_WITHIN_MS / 1_000} s: ${this.logFile}`);
  }

  stop(): Promise<void> {
    return endGroup(this.pid);
  }

  /** Ends it at once, where nothing can be waited for. */
  kill(): void {
    signalGroup(this.pid, "SIGKILL");
  }
}

/** A command of `npm run emulator`, as it is typed. */
export const commandOf = (command: string, port: number): string =>
  `npm run emulator -- ${command}${port === DEFAULT_PORT ? "" : ` --port ${port}`}`;

export const urlOf = (port: number): string => `http://127.0.0.1:${port}`;
export const recordFileOf = (dir: string): string => join(dir, "record.jsonl");

export function emulatorVenv(): Promise<Venv> {
  return ensureVenv({ name: "ministack", requirementsFile: join(ROOT, "tools/python/ministack.txt") });
}

/** What a user of AWS has in the environment: the CDK, the tools and the SDK then speak with the emulator. */
export function clientEnvironment(port: number): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(([name]) => !/^(AWS_|CDK_)/.test(name));
  return {
    ...Object.fromEntries(inherited),
    AWS_ENDPOINT_URL: urlOf(port),
    AWS_ACCESS_KEY_ID: "test",
    AWS_SECRET_ACCESS_KEY: "test",
    AWS_REGION: REGION,
    AWS_EC2_METADATA_DISABLED: "true",
    CDK_DEFAULT_ACCOUNT: ACCOUNT,
    CDK_DEFAULT_REGION: REGION,
    CDK_DISABLE_CLI_TELEMETRY: "true",
  };
}

/** The emulator's own, which its functions inherit: nothing of this process's but where programs are. */
function environmentOf({ port, dir }: EmulatorOptions, owner: number | undefined): NodeJS.ProcessEnv {
  const { HOME = "/", LANG = "C.UTF-8", PATH = "" } = process.env;
  return {
    HOME,
    LANG,
    // It runs `node` from here, whatever the runtime is called.
    PATH: [join(ROOT, "node_modules/node/bin"), PATH].join(delimiter),
    // The CDK's own functions expect the SDK that Lambda has.
    NODE_PATH: join(ROOT, "node_modules"),
    PYTHONDONTWRITEBYTECODE: "1",
    BIND_HOST: "127.0.0.1",
    MINISTACK_HOST: "127.0.0.1",
    GATEWAY_PORT: String(port),
    AUTH: "true",
    // What its functions are unpacked into goes with it.
    TMPDIR: join(dir, "tmp"),
    S3_DATA_DIR: join(dir, "s3"),
    STATE_DIR: join(dir, "state"),
    SLUICE_EMULATOR_RECORD: recordFileOf(dir),
    ...(owner === undefined ? {} : { SLUICE_EMULATOR_OWNER: String(owner) }),
  };
}

/** Whether anything listens there. */
export function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}

/** Ends a process and all that it started: asked first, then made to. */
export async function endGroup(pid: number): Promise<void> {
  signalGroup(pid, "SIGTERM");
  const deadline = Date.now() + END_WITHIN_MS;
  while (signalGroup(pid, 0) && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 50));
  signalGroup(pid, "SIGKILL");
}
