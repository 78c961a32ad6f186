import { execFile } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { temporaryFolder } from "./server.ts";

/** What a tool's process ended with. */
export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * The folder of a CDK app whose CDK is not the real one: it notes what it was called with, writes the outputs that it
 * was asked for, and ends as it is told.
 */
export class CdkProject implements Disposable {
  readonly #folder = temporaryFolder();
  readonly path = this.#folder.path;

  constructor() {
    const cdk = join(this.path, "node_modules/aws-cdk");
    mkdirSync(join(cdk, "bin"), { recursive: true });
    writeFileSync(join(cdk, "package.json"), "{}");
    writeFileSync(join(cdk, "bin/cdk"), FAKE);
    this.write("cdk.json", { app: "node bin/sluice.ts", context: { "@aws-cdk/core:checkSecretUsage": true } });
  }

  write(name: string, content: unknown): void {
    writeFileSync(join(this.path, name), JSON.stringify(content));
  }

  /** The arguments of each call of the CDK. */
  get calls(): string[][] {
    try {
      return readFileSync(join(this.path, "calls"), "utf8")
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line));
    } catch {
      return [];
    }
  }

  /** Runs one of `tools/` there. */
  run(
    tool: string,
    flags: readonly string[],
    { input = "", env = {} }: { input?: string; env?: NodeJS.ProcessEnv } = {},
  ) {
    const nobody = { AWS_EC2_METADATA_DISABLED: "true", HOME: this.path, npm_config_call: "" };
    const variables = { ...process.env, ...nobody, ...env };
    return new Promise<Ended>((done) => {
      const child = execFile(
        process.execPath,
        [resolve("tools", tool), ...flags],
        { cwd: this.path, env: variables },
        (error, stdout, stderr) => done({ code: error === null ? 0 : Number(error.code), stdout, stderr }),
      );
      child.stdin?.end(input);
    });
  }

  [Symbol.dispose](): void {
    this.#folder[Symbol.dispose]();
  }
}

const FAKE = `
const { appendFileSync, writeFileSync } = require("node:fs");
const args = process.argv.slice(2);
appendFileSync("calls", JSON.stringify(args) + "\\n");
const file = args[args.indexOf("--outputs-file") + 1];
if (args.includes("--outputs-file") && process.env.FAKE_OUTPUTS) writeFileSync(file, process.env.FAKE_OUTPUTS);
process.exitCode = Number(process.env.FAKE_STATUS ?? 0);
`;
