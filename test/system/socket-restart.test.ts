import { once } from "node:events";
import { expect, test, vi } from "vitest";
import { WebSocket } from "ws";
import type { JobEvent } from "../../src/contract/events.ts";
import type { ServerMessage } from "../../src/contract/socket.ts";
import { Caller, FAULTY_APP, ServerProcess, temporaryFolder } from "./server.ts";

const JOBS = 20;
const KILLS = 3;

/** What one client has of its jobs, over all of its connections. */
class Follower {
  readonly #logs: Map<string, JobEvent[]>;
  readonly ended = new Set<string>();

  constructor(ids: readonly string[]) {
    this.#logs = new Map(ids.map((id) => [id, []]));
  }

  log(id: string): JobEvent[] {
    return this.#logs.get(id) ?? [];
  }

  get total(): number {
    return [...this.#logs.values()].reduce((sum, { length }) => sum + length, 0);
  }

  /** Connects, and goes on with each job after the last event that it has. */
  async connect(url: string): Promise<WebSocket> {
    const socket = new WebSocket(`${url.replace("http", "ws")}/v1/socket`, "sluice.v1");
    socket.on("error", () => {});
    socket.on("message", (data) => this.#take(JSON.parse(String(data)) as ServerMessage));
    await once(socket, "open");
    for (const [n, jobId] of [...this.#logs.keys()].entries()) {
      if (this.ended.has(jobId)) continue;
      socket.send(JSON.stringify({ type: "subscribe", id: `job-${n}`, jobId, after: this.log(jobId).length }));
    }
    return socket;
  }

  #take(message: ServerMessage): void {
    if (message.type === "complete") this.ended.add(message.jobId);
    if (message.type !== "event") return;
    const log = this.log(message.event.jobId);
    if (message.event.seq > log.length) log.push(message.event);
  }
}

test("a client that comes back after its server was killed has every event once, from its cursors on", async () => {
  using folder = temporaryFolder();
  const flags = ["--data", folder.path, "--app", FAULTY_APP];
  let server = await ServerProcess.start(...flags);
  try {
    const caller = new Caller(server.url);
    const submissions = Array.from({ length: JOBS }, () => caller.submit("sleepy", { ms: 150, steps: 6 }));
    const ids = (await Promise.all(submissions)).map(({ id }) => id);
    const follower = new Follower(ids);
    for (let kill = 0; kill < KILLS; kill++) {
      const socket = await follower.connect(server.url);
      const before = follower.total;
      await vi.waitUntil(() => follower.total > before + JOBS || follower.ended.size === JOBS, { timeout: 20_000 });
      const closed = once(socket, "close");
      await server.stop("SIGKILL");
      expect((await closed)[0]).toBe(1006);
      server = await ServerProcess.start(...flags);
    }
    // Otherwise nothing was under way when it was killed, and this test has shown nothing.
    expect(follower.ended.size).toBeLessThan(JOBS);
    const socket = await follower.connect(server.url);
    await vi.waitUntil(() => follower.ended.size === JOBS, { timeout: 60_000 });
    socket.close();
    const now = new Caller(server.url);
    for (const id of ids) expect(follower.log(id)).toEqual(await now.events(id));
  } finally {
    await server.stop("SIGKILL");
  }
});
