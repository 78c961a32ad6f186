import { spawn } from "node:child_process";
import { expect, onTestFinished, test } from "vitest";

test("a SIGTERM that npm start gets ends the server in order, not only npm", async () => {
  const npm = spawn("npm", ["start", "--", "--memory", "--port", "0"], {
    detached: true,
    stdio: ["ignore", "pipe", "inherit"],
  });
  onTestFinished(() => killGroup(npm.pid));
  let output = "";
  let url: string | undefined;
  // The server holds the other end of this stream for as long as it lives.
  for await (const chunk of npm.stdout.setEncoding("utf8")) {
    output += chunk;
    if (url !== undefined) continue;
    url = /listens on (http:\S+)/.exec(output)?.[1];
    if (url !== undefined) npm.kill("SIGTERM");
  }
  expect(output).toContain("SIGTERM: finishing what runs");
  await expect(fetch(`${url}/healthz`)).rejects.toThrow();
});

/** Whatever a failed test left running. */
function killGroup(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(-pid, "SIGKILL");
  } catch {
    // Nothing did.
  }
}
