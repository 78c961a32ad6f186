import { spawn } from "node:child_process";
import { lstatSync, mkdtempSync, readdirSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { adopt } from "../../bench/children.ts";

const COMMAND_TIMEOUT_MS = 240_000;

export interface RunOptions {
  /** Besides the user's. */
  readonly env?: NodeJS.ProcessEnv;
  /** The exit status that is expected. @default 0 */
  readonly status?: number;
  /** Where, in the user's folder. @default "." */
  readonly folder?: string;
}

/** A folder of a user who has this package and nothing of the repository. It ends with the process. */
export class UserFolder {
  readonly path: string;

  constructor() {
    this.path = realpathSync(mkdtempSync(join(tmpdir(), "sluice-package-")));
    process.once("exit", () => rmSync(this.path, { recursive: true, force: true, maxRetries: 5 }));
  }

  write(files: Readonly<Record<string, string>>): void {
    for (const [name, text] of Object.entries(files)) writeFileSync(join(this.path, name), text);
  }

  /** A program that was installed here. */
  bin(name: string): string {
    return join(this.path, "node_modules/.bin", name);
  }

  /** Starts a program here, or in a folder of this one, with the user's environment. */
  start(command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}, folder = ".") {
    return adopt(
      spawn(command, args, {
        cwd: join(this.path, folder),
        env: { ...usersEnvironment(), ...env },
        stdio: ["ignore", "pipe", "pipe"],
      }),
    );
  }

  /** Runs a program here; resolves with all that it wrote. Rejects, with that, when its exit status is another than expected. */
  async run(
    command: string,
    args: readonly string[],
    { env = {}, status = 0, folder = "." }: RunOptions = {},
  ): Promise<string> {
    const child = this.start(command, args, env, folder);
    const timer = setTimeout(() => child.kill("SIGKILL"), COMMAND_TIMEOUT_MS);
    const written: Buffer[] = [];
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => written.push(chunk));
    const code = await new Promise((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (exit, signal) => resolve(exit ?? signal));
    });
    clearTimeout(timer);
    const text = Buffer.concat(written).toString();
    if (code !== status) throw new Error(`${command} ${args.join(" ")}\nended with ${code}:\n${text}`);
    return text;
  }

  /** Size of a folder in it, in MB, as its files' lengths. */
  megabytes(folder: string): number {
    const files = readdirSync(join(this.path, folder), { recursive: true, withFileTypes: true });
    const bytes = files.map((file) => (file.isFile() ? lstatSync(join(file.parentPath, file.name)).size : 0));
    return bytes.reduce((sum, size) => sum + size, 0) / 1e6;
  }
}

/** An environment without what `npm run` puts there about the repository. The Node is the one that runs this. */
export function usersEnvironment(of: NodeJS.ProcessEnv = process.env): NodeJS.ProcessEnv {
  const ofNpm = /^(npm_(package|lifecycle|config_local_prefix|command|execpath)|INIT_CWD|NODE_PATH|NODE_OPTIONS)/i;
  const kept = Object.entries(of).filter(([name]) => !ofNpm.test(name));
  const folders = (of.PATH ?? "").split(delimiter).filter((folder) => !folder.includes("node_modules"));
  return { ...Object.fromEntries(kept), PATH: [dirname(process.execPath), ...folders].join(delimiter), CI: "true" };
}
