import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

const LAUNCHER = join(import.meta.dirname, "../../../tools/emulator/launcher.py");

/** The launcher with an emulator that only waits. */
const EMULATOR = `
import sys, time, types
for name in ("ministack", "ministack.app", "recorder", "patches"):
    sys.modules[name] = types.ModuleType(name)
sys.modules["ministack"].app = sys.modules["ministack.app"]
sys.modules["ministack.app"].main = lambda: (print("up", flush=True), time.sleep(60))
sys.modules["patches"].NAMES = sys.modules["patches"].PATCHES = []
exec(open(${JSON.stringify(LAUNCHER)}).read())
`;

/** Its owner: starts it in a group of its own, tells both pids and waits. */
const OWNER = `
import os, subprocess, sys
env = {**os.environ, "SLUICE_EMULATOR_OWNER": str(os.getpid())}
child = subprocess.Popen([sys.executable, "-c", ${JSON.stringify(EMULATOR)}], env=env, start_new_session=True)
print(os.getpid(), child.pid, flush=True)
child.wait()
`;

test("the emulator ends with its owner, also with one that nobody waits for and whose pid lives on", async () => {
  // sleep does not wait for the child that it inherits from the shell: once killed, the owner is a zombie.
  const keeper = spawn("sh", ["-c", 'python3 -c "$OWNER" & exec sleep 50'], {
    env: { ...process.env, OWNER },
    stdio: ["ignore", "pipe", "inherit"],
  });
  let said = "";
  for await (const chunk of keeper.stdout.setEncoding("utf8").iterator({ destroyOnReturn: false })) {
    said += chunk as string;
    if (said.includes("up\n") && said.split("\n").length > 2) break;
  }
  const [, owner, emulator] = /^(\d+) (\d+)$/m.exec(said)?.map(Number) ?? [];
  if (owner === undefined || emulator === undefined) throw new Error(`it says ${said}`);
  process.kill(owner, "SIGKILL");
  try {
    await expect.poll(() => isRunning(emulator), { timeout: 30_000 }).toBe(false);
    expect(stateOf(owner)).toBe("Z");
  } finally {
    if (isRunning(emulator)) process.kill(-emulator, "SIGKILL");
    keeper.kill("SIGKILL");
    await once(keeper, "close");
  }
});

const isRunning = (pid: number): boolean => !["Z", undefined].includes(stateOf(pid));

/** By Linux: undefined for one that is gone. */
function stateOf(pid: number): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.[0];
  } catch {
    return undefined;
  }
}
