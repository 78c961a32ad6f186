import { type ChildProcess, spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestProject } from "vitest/node";
import { type Connection, connectionOf, socketBeside, withSlash } from "./target.ts";

export const CONFORMANCE_APP = "test/conformance/app/sluice.ts";
const START_MS = 30_000;

/** Global setup: the target that the environment names, or else the embedded engine as a process of its own. */
export default async function startTarget(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  const given = connectionOf(process.env);
  if (given !== undefined) {
    project.provide("connection", given);
    return undefined;
  }
  const embedded = await startEmbedded(CONFORMANCE_APP);
  project.provide("connection", embedded.connection);
  return embedded.stop;
}

/** `npm start -- --memory` with an app and keys of two tenants, on a free port. */
export async function startEmbedded(app: string): Promise<{ readonly connection: Connection; stop(): Promise<void> }> {
  const [key, otherKey] = [newKey(), newKey()];
  const dir = mkdtempSync(join(tmpdir(), "sluice-conformance-"));
  const keys = join(dir, "keys.json");
  const entry = (tenant: string, of: string) => ({ tenant, sha256: createHash("sha256").update(of).digest("hex") });
  writeFileSync(keys, JSON.stringify({ keys: [entry("conformance-one", key), entry("conformance-two", otherKey)] }));
  const child = spawn(
    process.execPath,
    [
      "src/host/main.ts",
      "--memory",
      "--port",
      "0",
      "--app",
      app,
      "--keys",
      keys,
      "--webhooks-to-loopback",
      "--log-level",
      "ERROR",
    ],
    { stdio: ["ignore", "pipe", "pipe"] },
  );
  const stop = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) {
      const closed = once(child, "close");
      child.kill("SIGTERM");
      await closed;
    }
    rmSync(dir, { recursive: true, force: true });
  };
  try {
    const url = await urlOf(child);
    const connection = {
      target: "embedded",
      url: withSlash(url),
      socketUrl: socketBeside(url),
      key,
      otherKey,
    } as const;
    return { connection, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Where it says that it listens. What it writes later is not kept, but read, so that it never waits for us. */
function urlOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = "";
    const late = setTimeout(() => reject(new Error(`no server after ${START_MS} ms: ${text}`)), START_MS);
    const read = (chunk: string): void => {
      if (text.length < 10_000) text += chunk;
      const url = /listens on (http:\S+)/.exec(text)?.[1];
      if (url === undefined) return;
      clearTimeout(late);
      resolve(url);
    };
    child.stdout?.setEncoding("utf8").on("data", read);
    child.stderr?.setEncoding("utf8").on("data", read);
    child.once("error", reject);
    child.once("exit", (code) => {
      clearTimeout(late);
      reject(new Error(`the server ended with ${code}: ${text}`));
    });
  });
}

const newKey = (): string => `slc_${randomBytes(32).toString("base64url")}`;
