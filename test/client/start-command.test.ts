import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect, test } from "vitest";

/** `sluice start`, in a process group of its own, as a shell starts it. */
async function started() {
  const child = spawn(process.execPath, ["client/bin/sluice.js", "start", "--memory", "--port", "0"], {
    detached: true,
    stdio: ["ignore", "pipe", "inherit"],
  });
  let out = "";
  const ready = new Promise<void>((resolve) => {
    child.stdout.on("data", (chunk) => {
      out += chunk;
      if (out.includes("listens on")) resolve();
    });
  });
  const ended = once(child, "close").then(([code]) => ({ code: code as number | null, out }));
  await Promise.race([ready, ended]);
  return { pid: child.pid ?? 0, ended, child };
}

test.each([
  ["SIGINT", "the command alone", 1],
  ["SIGTERM", "the command alone", 1],
  // As a terminal does it.
  ["SIGINT", "its process group", -1],
] as const)("%s to %s lets the server finish, once", async (signal, _, sign) => {
  const { pid, ended, child } = await started();
  const fallback = setTimeout(() => child.kill("SIGTERM"), 20_000);
  process.kill(sign * pid, signal);
  const { code, out } = await ended;
  clearTimeout(fallback);
  expect(code).toBe(0);
  expect(out.split(`${signal}: finishing what runs`)).toHaveLength(2);
});
