import { setImmediate as turn } from "node:timers/promises";
import { expect, test } from "vitest";
import { Delivery } from "../../../lambdas/delivery/delivery.ts";
import type { EventBody, JobEvent } from "../../../src/contract/events.ts";
import type { JobId, TenantId } from "../../../src/contract/ids.ts";
import type { ServerMessage } from "../../../src/contract/socket.ts";
import type { Sockets, Subscribers } from "../../../src/core/subscribers.ts";
import { MemorySubscribers } from "../../../src/engines/embedded/memory-subscribers.ts";
import { commit, newJobId, newTenant } from "../../../src/testing/contracts/fixtures.ts";
import { withSeed } from "../../../src/testing/random.ts";
import { engine } from "./memory-engine.ts";

/*
 * As on AWS: several processes deliver one job at once, each call takes its time before and after it takes effect, and a
 * process may stop in the middle of what it does. Clients drop what is not after the last seq that they have.
 */

const RUNS = 150;
const COMMITS = 8;
const CLIENTS = 3;
const PROCESSES = 3;

type Random = () => number;
const below = (random: Random, most: number): number => Math.floor(random() * most);

async function pause(random: Random, most = 4): Promise<void> {
  for (let turns = below(random, most); turns > 0; turns--) await turn();
}

/** Every call of a port takes a random time before and after it takes effect; those of a dead process never come back. */
function slowed<T extends object>(port: T, random: Random, isDead: () => boolean): T {
  const never = new Promise<never>(() => {});
  return new Proxy(port, {
    get: (target, name) => {
      const method = Reflect.get(target, name) as (...given: unknown[]) => Promise<unknown>;
      return async (...given: unknown[]) => {
        await pause(random);
        if (isDead()) return never;
        const result = await method.apply(target, given);
        await pause(random);
        return isDead() ? never : result;
      };
    },
  });
}

/** Keeps a cursor over any number of connections, and says what it got that it should not have got. */
class Client {
  readonly seen: JobEvent[] = [];
  readonly faults: string[] = [];
  ended = false;
  connectionId = "";
  subscriptionId = "";

  take(message: ServerMessage): void {
    if (message.type === "complete" && message.id === this.subscriptionId) this.ended = true;
    if (message.type !== "event") return;
    const { seq } = message.event;
    const last = this.seen.length;
    if (seq <= last) return;
    if (seq > last + 1) this.faults.push(`seq ${seq} after ${last} by ${message.id}`);
    this.seen.push(message.event);
  }
}

class Wires implements Sockets {
  readonly open = new Map<string, Client>();

  async post(connectionId: string, frame: string): Promise<"sent" | "gone"> {
    const client = this.open.get(connectionId);
    client?.take(JSON.parse(frame) as ServerMessage);
    return client === undefined ? "gone" : "sent";
  }

  async close(connectionId: string): Promise<void> {
    this.open.delete(connectionId);
  }
}

interface Scene {
  readonly random: Random;
  readonly tenant: TenantId;
  readonly jobId: JobId;
  readonly wires: Wires;
  readonly subscribers: Subscribers;
  /** Has one of the processes, or two at once, deliver. */
  tell(): void;
  /** Kills one of the processes, in whose place another begins. */
  crash(): void;
  settled(): Promise<void>;
  /** Is waited for by {@link settled}. */
  meanwhile(work: Promise<unknown>): void;
  append(firstSeq: number, events: readonly object[]): Promise<void>;
}

function begin(random: Random): Scene {
  const subscribers = new MemorySubscribers();
  const wires = new Wires();
  const [tenant, jobId] = [newTenant(), newJobId()];
  const under = new Set<Promise<unknown>>();
  const meanwhile = (work: Promise<unknown>): void => {
    const tracked: Promise<unknown> = work.finally(() => under.delete(tracked));
    under.add(tracked);
  };
  const start = () => {
    const self = { dead: false };
    const isDead = () => self.dead;
    const delivery = new Delivery({
      log: slowed(engine.log, random, isDead),
      blobs: engine.blobs,
      subscribers: slowed(subscribers, random, isDead),
      sockets: slowed(wires, random, isDead),
    });
    return { self, delivery };
  };
  const processes = Array.from({ length: PROCESSES }, start);
  const some = () => processes[below(random, PROCESSES)] as ReturnType<typeof start>;
  const tell = (): void => {
    for (let n = 1 + below(random, 2); n > 0; n--) {
      const { self, delivery } = some();
      const stop = new Promise<void>((resolve) => {
        const look = (): unknown => (self.dead ? resolve() : under.size > 0 && setImmediate(look));
        setImmediate(look);
      });
      meanwhile(Promise.race([delivery.deliver(jobId), stop]));
    }
  };
  return {
    random,
    tenant,
    jobId,
    wires,
    subscribers,
    tell,
    meanwhile,
    crash() {
      some().self.dead = true;
      for (const [n, { self }] of processes.entries()) if (self.dead) processes[n] = start();
    },
    async settled() {
      while (under.size > 0) await Promise.all(under);
    },
    async append(firstSeq, events) {
      const body = JSON.stringify(events);
      await engine.log.append(commit(jobId, firstSeq, events.length, { tenant, body }));
    },
  };
}

let names = 0;

/** Connects anew or uses the connection that is there, and subscribes from the client's cursor, often under the name in use. */
async function subscribe(client: Client, { random, wires, subscribers, tenant, jobId, tell }: Scene): Promise<void> {
  names += 1;
  if (!wires.open.has(client.connectionId)) {
    client.connectionId = `c-${names}`;
    wires.open.set(client.connectionId, client);
    await subscribers.connect({ id: client.connectionId, tenant, expiresMs: Number.POSITIVE_INFINITY });
  }
  const { connectionId } = client;
  if (client.subscriptionId === "" || random() < 0.3) {
    if (client.subscriptionId !== "") await subscribers.unsubscribe(connectionId, client.subscriptionId);
    client.subscriptionId = `s-${names}`;
  }
  const fields = { tenant, jobId, isDerived: false, expiresMs: Number.POSITIVE_INFINITY };
  const given = { connectionId, id: client.subscriptionId, token: `t-${names}`, afterSeq: client.seen.length };
  await subscribers.subscribe({ ...fields, ...given }, 100);
  tell();
}

/** After the first, commits of one to three events each; the last holds the terminal event. */
async function write({ random, append, tell }: Scene, also: () => Promise<void>, lose: () => boolean): Promise<void> {
  let seq = 1;
  for (let n = 1; n <= COMMITS; n++) {
    const events: Partial<EventBody>[] = Array.from({ length: 1 + below(random, 3) }, () => ({
      type: "value.recorded",
    }));
    if (n === COMMITS) events.push({ type: "job.cancelled" });
    await append(seq + 1, events);
    seq += events.length;
    if (!lose()) tell();
    await also();
    await pause(random, 12);
  }
}

const oneOf = (clients: readonly Client[], random: Random): Client => clients[below(random, CLIENTS)] as Client;
const logOf = async (jobId: JobId): Promise<number> => (await engine.log.tail(jobId, 1))[0]?.lastSeq ?? 0;

function check(clients: readonly Client[], last: number): void {
  expect(clients.flatMap(({ faults }) => faults)).toEqual([]);
  for (const { seen, ended } of clients) {
    expect(seen.map(({ seq }) => seq)).toEqual(Array.from({ length: last }, (_, index) => index + 1));
    expect(ended).toBe(true);
  }
}

test("whoever stays connected gets every event in order and is complete, however many deliver at once", async () => {
  await withSeed(async (random) => {
    for (let run = 0; run < RUNS; run++) {
      const scene = begin(random);
      const clients = Array.from({ length: CLIENTS }, () => new Client());
      await scene.append(1, [{ type: "value.recorded" }]);
      for (const client of clients) await subscribe(client, scene);
      const subscribeAnew = async (): Promise<void> => {
        if (random() < 0.6) scene.meanwhile(subscribe(oneOf(clients, random), scene));
      };
      await write(scene, subscribeAnew, () => false);
      await scene.settled();
      check(clients, await logOf(scene.jobId));
    }
  });
});

test("whoever comes back with a cursor gets what was lost with connections, processes and messages", async () => {
  await withSeed(async (random) => {
    for (let run = 0; run < RUNS; run++) {
      const scene = begin(random);
      const clients = Array.from({ length: CLIENTS }, () => new Client());
      await scene.append(1, [{ type: "value.recorded" }]);
      for (const client of clients) await subscribe(client, scene);
      const breakSomething = async (): Promise<void> => {
        const client = oneOf(clients, random);
        if (random() < 0.4) scene.wires.open.delete(client.connectionId);
        if (random() < 0.3) scene.crash();
        if (random() < 0.6) scene.meanwhile(subscribe(client, scene));
      };
      await write(scene, breakSomething, () => random() < 0.3);
      await scene.settled();
      for (const client of clients) if (!client.ended) await subscribe(client, scene);
      await scene.settled();
      check(clients, await logOf(scene.jobId));
    }
  });
});
