import { once } from "node:events";
import { setTimeout as pause } from "node:timers/promises";
import { stop } from "../../bench/children.ts";
import type { UserFolder } from "./user-folder.ts";

const TIMEOUT_MS = 30_000;

/** `sluice-embedded --app sluice.ts`: it starts, a job of the user's workflow completes, SIGTERM ends it. */
export async function startsAndRunsAJob(folder: UserFolder): Promise<void> {
  const child = folder.start(folder.bin("sluice-embedded"), ["--app", "sluice.ts", "--port", "0"]);
  let said = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      said += text;
    });
  }
  const closed = once(child, "close");
  const timer = setTimeout(() => child.kill("SIGKILL"), TIMEOUT_MS);
  try {
    let url: string | undefined;
    while (url === undefined) {
      if (child.exitCode !== null || child.signalCode !== null)
        throw new Error(`it ended before it listened:\n${said}`);
      await pause(10);
      url = /listens on (http:\S+)/.exec(said)?.[1];
    }
    const result = await resultOf(url, { workflow: "announce", input: { text: "hello" } });
    if (JSON.stringify(result) !== '{"said":"HELLO"}') throw new Error(`the result is ${JSON.stringify(result)}`);
    child.kill("SIGTERM");
    const [code] = (await closed) as [number | null];
    if (code !== 0) throw new Error(`SIGTERM ended it with ${code ?? child.signalCode}:\n${said}`);
  } finally {
    clearTimeout(timer);
    await stop(child);
  }
}

async function resultOf(url: string, body: unknown): Promise<unknown> {
  const headers = { "content-type": "application/json" };
  const submitted = await fetch(`${url}/v1/jobs`, { method: "POST", headers, body: JSON.stringify(body) });
  if (submitted.status !== 202) throw new Error(`the job was answered ${submitted.status}: ${await submitted.text()}`);
  const { id } = (await submitted.json()) as { id: string };
  for (;;) {
    const job = (await (await fetch(`${url}/v1/jobs/${id}`)).json()) as { status: string; result?: unknown };
    if (job.status === "completed") return job.result;
    if (job.status !== "running") throw new Error(`the job became ${job.status}: ${JSON.stringify(job)}`);
    await pause(10);
  }
}
