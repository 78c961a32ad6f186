import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { UsageError } from "./command.ts";

/** Programs of the server's own package that this one starts: in the repository their sources. */
const PROGRAMS = {
  "sluice-embedded": "src/host/bin.ts",
  "sluice-log": "tools/log.ts",
} as const;
export type Program = keyof typeof PROGRAMS;

/** Where a program of the server is: in the repository of which this is a part, or in the package `sluice` that the project has. */
function locate(program: Program): string {
  const source = fileURLToPath(new URL(`../../${PROGRAMS[program]}`, import.meta.url));
  if (existsSync(source)) return source;
  try {
    const manifest = createRequire(pathToFileURL(join(process.cwd(), "package.json"))).resolve("sluice/package.json");
    const { bin } = JSON.parse(readFileSync(manifest, "utf8")) as { bin?: Record<string, string> };
    const path = bin?.[program];
    if (path !== undefined) return join(dirname(manifest), path);
  } catch {
    // Said below, with what to do.
  }
  throw new UsageError(
    `${program} is part of the server's package: run this in a project that has installed \`sluice\``,
  );
}

const PASSED = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"] as const;

/** Runs a program of the server in this terminal. Resolves with its exit status. */
export function runServerProgram(
  program: Program,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [locate(program), ...args], {
      stdio: "inherit",
      // A terminal sends Ctrl-C to all of a process group: the program gets it from here, once, as it does any other signal.
      detached: true,
      env: { ...process.env, ...env },
    });
    const pass = (signal: NodeJS.Signals): void => void child.kill(signal);
    const stop = (): void => pass("SIGTERM");
    for (const signal of PASSED) process.on(signal, pass);
    process.on("exit", stop);
    child.on("error", reject);
    child.on("close", (code, signal) => {
      for (const each of PASSED) process.off(each, pass);
      process.off("exit", stop);
      resolve(code ?? (signal === "SIGINT" ? 130 : 1));
    });
  });
}
