import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { DEFAULT_PORT } from "../src/host/options.ts";
import { signalGroup } from "./process-group.ts";

/**
 * `npm run readme`: does what README.md says. Every `sh` block under a `<!-- ci -->` comment is run, in order and in one
 * shell, in a copy of this checkout; only the port is another, since the usual one may be taken. Ends with the exit status of the first command that fails.
 */
const MARKED = /<!-- ci -->\s*```sh\n([\s\S]*?)```/g;
const TIMEOUT_MS = 300_000;

async function main(): Promise<void> {
  const blocks = [...readFileSync("README.md", "utf8").matchAll(MARKED)].map(([, block]) => block ?? "");
  if (blocks.length === 0) throw new Error("README.md has no block that is marked with <!-- ci -->");
  const copy = mkdtempSync(join(tmpdir(), "sluice-readme-"));
  for (const file of execFileSync("git", ["ls-files", "-co", "--exclude-standard"], { encoding: "utf8" })
    .trim()
    .split("\n")) {
    mkdirSync(dirname(join(copy, file)), { recursive: true });
    cpSync(file, join(copy, file));
  }
  symlinkSync(resolve("node_modules"), join(copy, "node_modules"));
  // What a block leaves running is in the shell's process group, and ends with it.
  const port = await freePort();
  const script = blocks.join("\n").replaceAll(`:${DEFAULT_PORT}`, `:${port}`);
  const shell = spawn("bash", ["-euxo", "pipefail", "-c", script], {
    cwd: copy,
    env: { ...process.env, SLUICE_PORT: port },
    detached: true,
    stdio: ["ignore", "inherit", "inherit"],
  });
  const end = (): void => {
    if (shell.pid !== undefined) signalGroup(shell.pid, "SIGKILL");
  };
  const timer = setTimeout(end, TIMEOUT_MS);
  shell.on("exit", (code, signal) => {
    clearTimeout(timer);
    end();
    rmSync(copy, { recursive: true, force: true, maxRetries: 5 });
    console.log(code === 0 ? `README: ${blocks.length} blocks run` : `README: failed (${code ?? signal})`);
    process.exitCode = code ?? 1;
  });
}

async function freePort(): Promise<string> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  return String(port);
}

await main();
