import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "vitest";
import { z } from "zod";
import { topics } from "../../src/contract/messages.ts";
import { defineApp } from "../../src/core/define-app.ts";
import { defineCapability } from "../../src/core/define-capability.ts";
import { defineWorkflow } from "../../src/core/define-workflow.ts";
import { openEmbeddedEngine } from "../../src/engines/embedded/embedded-engine.ts";
import { MemoryLimits } from "../../src/engines/embedded/memory-limits.ts";
import { MemorySubscribers } from "../../src/engines/embedded/memory-subscribers.ts";
import { testBlobs } from "../../src/testing/contracts/blobs.ts";
import { testEventLog } from "../../src/testing/contracts/event-log.ts";
import { testJobIndex } from "../../src/testing/contracts/job-index.ts";
import { testLimits } from "../../src/testing/contracts/limits.ts";
import { testRecords } from "../../src/testing/contracts/records.ts";
import { testSubscribers } from "../../src/testing/contracts/subscribers.ts";
import { testTickets } from "../../src/testing/contracts/tickets.ts";
import { testTopics } from "../../src/testing/contracts/topics.ts";
import { testWorkQueue } from "../../src/testing/contracts/work-queue.ts";
import { VirtualClock } from "../../src/testing/virtual-clock.ts";

const work = defineCapability({ name: "work", input: z.json(), output: z.json(), run: (input) => input });
const flow = defineWorkflow({
  name: "flow",
  input: z.json(),
  output: z.json(),
  run: (job, input) => job.step("work", work, input),
});
const app = defineApp({ workflows: [flow], capabilities: [work] });

async function open(dataDir: string | undefined) {
  const clock = new VirtualClock();
  const errors: unknown[] = [];
  const engine = openEmbeddedEngine({
    app,
    dataDir,
    clock,
    onReady: () => {},
    onError: (error) => errors.push(error),
  });
  return {
    ...engine,
    queueName: "work",
    topic: topics.requested("work"),
    wait: (ms: number) => clock.advance(ms),
    async close() {
      await engine.close();
      if (dataDir !== undefined) await rm(dataDir, { recursive: true });
      expect(errors).toEqual([]);
    },
  };
}

const inMemory = () => open(undefined);
const onFile = async () => open(await mkdtemp(join(tmpdir(), "sluice-contract-")));

for (const [where, factory] of [
  ["embedded in memory", inMemory],
  ["embedded on a file", onFile],
] as const) {
  testEventLog(where, factory);
  testJobIndex(where, factory);
  testWorkQueue(where, factory);
  testTopics(where, factory);
  testBlobs(where, factory);
  testRecords(where, factory);
  testLimits(where, factory);
  testTickets(where, async () => {
    const [port, other] = [await factory(), await factory()];
    const close = async (): Promise<void> => void (await Promise.all([port.close(), other.close()]));
    return { tickets: port.tickets, stranger: other.tickets, close };
  });
}

testLimits("embedded", async () => ({ limits: new MemoryLimits(), close: async () => {} }));

testSubscribers("embedded", async () => ({
  subscribers: new MemorySubscribers(),
  nowMs: Date.now(),
  close: async () => {},
}));
