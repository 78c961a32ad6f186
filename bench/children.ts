import { type ChildProcess, fork } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";

const running = new Set<ChildProcess>();

/** Whatever becomes of the run, no child outlives it. Children also end by themselves when their parent is gone. */
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

/** Keeps a process on the list of those that end with this one. */
export function adopt<T extends ChildProcess>(child: T): T {
  running.add(child);
  child.once("exit", () => running.delete(child));
  return child;
}

export interface Started {
  readonly child: ChildProcess;
  readonly url: string;
}

const START_TIMEOUT_MS = 20_000;

/** Starts one of the processes in this folder with `options` and waits until it says where it listens. */
export function start(file: string, options: unknown, execArgv: readonly string[] = []): Promise<Started> {
  const child = adopt(
    fork(join(import.meta.dirname, file), [JSON.stringify(options)], {
      execArgv: [...execArgv],
      stdio: ["ignore", "inherit", "inherit", "ipc"],
    }),
  );
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => reject(new Error(`${file} did not listen within ${START_TIMEOUT_MS} ms`)),
      START_TIMEOUT_MS,
    );
    child.once("exit", (code, signal) => reject(new Error(`${file} ended with ${code ?? signal}`)));
    child.once("message", (message) => {
      clearTimeout(timer);
      resolve({ child, url: (message as { url: string }).url });
    });
  });
}

/** Ends a process and waits until it is gone. */
export async function stop(child: ChildProcess, signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once("exit", resolve));
  child.kill(signal);
  const timer = setTimeout(() => child.kill("SIGKILL"), 15_000);
  await gone;
  clearTimeout(timer);
}

/** Resident memory of a process now and at its highest, in MB. Linux only. */
export function memoryOf(pid: number): { nowMb: number; peakMb: number } {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const megabytes = (field: string): number =>
    Number(new RegExp(`^${field}:\\s+(\\d+) kB`, "m").exec(status)?.[1]) / 1024;
  return { nowMb: megabytes("VmRSS"), peakMb: megabytes("VmHWM") };
}

/** In a child: says where it listens, and ends when the parent is gone. */
export function announce(url: string): void {
  process.on("disconnect", () => process.exit(0));
  process.send?.({ url });
}

export const optionsOfChild = <T>(): T => JSON.parse(process.argv[2] ?? "{}") as T;
