import { expect, test } from "vitest";
import { Caller, FAULTY_APP, ServerProcess, temporaryFolder } from "./server.ts";

const JOBS = 40;

test("jobs in flight when the process is killed go on at the next start, without a gap in any log", async () => {
  using folder = temporaryFolder();
  const flags = ["--data", folder.path, "--app", FAULTY_APP];
  let server = await ServerProcess.start(...flags);
  const ids: string[] = [];
  try {
    let caller = new Caller(server.url);
    const submissions = Array.from({ length: JOBS }, () => caller.submit("sleepy", { ms: 40, steps: 4 }));
    ids.push(...(await Promise.all(submissions)).map(({ id }) => id));
    for (let kill = 0; kill < 3; kill++) {
      await new Promise((resolve) => setTimeout(resolve, 60 + 25 * kill));
      await server.stop("SIGKILL");
      server = await ServerProcess.start(...flags);
    }
    caller = new Caller(server.url);
    let inDoubt = 0;
    for (const id of ids) {
      const job = await caller.settled(id);
      expect(job).toMatchObject({ status: "completed", result: { total: 240 } });
      const events = await caller.events(id);
      expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1));
      const completed = events.filter(({ type }) => type === "step.completed");
      expect(completed).toHaveLength(6);
      expect(events.filter(({ type }) => type === "job.completed")).toHaveLength(1);
      inDoubt += events.filter(({ type }) => type === "step.in_doubt").length;
    }
    // Otherwise nothing was in flight when the process was killed, and this test has shown nothing.
    expect(inDoubt).toBeGreaterThan(0);
  } finally {
    await server.stop("SIGKILL");
  }
});

test("what was answered 202 is there after a kill at once", async () => {
  using folder = temporaryFolder();
  const flags = ["--data", folder.path, "--app", FAULTY_APP];
  let server = await ServerProcess.start(...flags);
  try {
    const { id } = await new Caller(server.url).submit("echoes", { text: "kept" });
    await server.stop("SIGKILL");
    server = await ServerProcess.start(...flags);
    expect(await new Caller(server.url).settled(id)).toMatchObject({ status: "completed", result: { text: "kept" } });
  } finally {
    await server.stop("SIGKILL");
  }
});

test("on SIGTERM it finishes what runs, keeps the rest, and ends with 0", async () => {
  using folder = temporaryFolder();
  const flags = ["--data", folder.path, "--app", FAULTY_APP];
  let server = await ServerProcess.start(...flags);
  try {
    const { id } = await new Caller(server.url).submit("sleepy", { ms: 300, steps: 2 });
    expect(await server.stop("SIGTERM")).toBe(0);
    server = await ServerProcess.start(...flags);
    const caller = new Caller(server.url);
    expect(await caller.settled(id)).toMatchObject({ status: "completed", result: { total: 1_200 } });
    const types = (await caller.events(id)).map(({ type }) => type);
    expect(types).not.toContain("step.in_doubt");
  } finally {
    await server.stop("SIGKILL");
  }
});
