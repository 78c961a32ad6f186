import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { setTimeout as pause } from "node:timers/promises";

/**
 * What goes wrong with a connection, once so many bytes of the server's answers have passed since it began, or since the fault before:
 *
 * - `latency`: from then on every chunk is late by `delayMs`.
 * - `slice`: from then on every chunk comes in pieces of `bytes`.
 * - `stall`: nothing passes for `delayMs`, then all of it.
 * - `cut`: the connection ends in order (FIN), in the middle of whatever was being said.
 * - `reset`: it ends with a reset (RST), and what was on its way is lost.
 * - `half-open`: nothing passes any more, in neither direction, and neither side is told.
 */
export type Fault =
  | { readonly kind: "latency" | "stall"; readonly atByte: number; readonly delayMs: number }
  | { readonly kind: "slice"; readonly atByte: number; readonly bytes: number }
  | { readonly kind: "cut" | "reset" | "half-open"; readonly atByte: number };

export type FaultKind = Fault["kind"];

/** A TCP proxy on 127.0.0.1 that breaks connections on purpose. */
export interface FaultProxy {
  readonly port: number;
  /** The faults that have happened so far, in order. */
  readonly happened: readonly FaultKind[];
  /** Connections that were accepted so far. */
  readonly connections: number;
  close(): Promise<void>;
}

/**
 * Passes bytes between clients and 127.0.0.1:`targetPort`. On each connection the faults of `next` follow one another, the later
 * in the place of the earlier, until one ends it or `next` has none for it; a fault that its connection does not live to see does
 * not count as happened.
 */
export async function startFaultProxy(targetPort: number, next: () => Fault | undefined): Promise<FaultProxy> {
  const happened: FaultKind[] = [];
  const open = new Set<Socket>();
  let connections = 0;
  const server = createServer((client) => {
    connections += 1;
    const upstream = connect(targetPort, "127.0.0.1");
    for (const socket of [client, upstream]) {
      open.add(socket);
      // Whoever is cut off gets an error: that is what this is for.
      socket.on("error", () => {});
      socket.on("close", () => open.delete(socket));
    }
    client.pipe(upstream);
    client.on("close", () => upstream.destroy());
    forward(upstream, client, next, (kind) => happened.push(kind)).catch(() => client.destroy());
  });
  await listen(server);
  return {
    port: (server.address() as AddressInfo).port,
    happened,
    get connections() {
      return connections;
    },
    async close() {
      for (const socket of open) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

async function forward(
  from: Socket,
  to: Socket,
  next: () => Fault | undefined,
  onHappened: (kind: FaultKind) => void,
): Promise<void> {
  let now: Fault | undefined;
  let coming = next();
  let passed = 0;
  // Who returns from here must not close what is only half-open.
  for await (const chunk of from.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    let rest = chunk;
    while (coming !== undefined && passed + rest.length > coming.atByte) {
      await pass(rest.subarray(0, coming.atByte - passed), to, now);
      rest = rest.subarray(coming.atByte - passed);
      onHappened(coming.kind);
      switch (coming.kind) {
        case "cut":
          to.end();
          from.destroy();
          return;
        case "reset":
          to.resetAndDestroy();
          from.destroy();
          return;
        case "half-open":
          to.unpipe(from);
          to.pause();
          from.pause();
          return;
        case "stall":
          await pause(coming.delayMs);
          break;
        default:
          break;
      }
      now = coming;
      coming = next();
      passed = 0;
    }
    await pass(rest, to, now);
    passed += rest.length;
  }
  to.end();
}

/** Passes bytes on under a fault that the connection outlives. */
async function pass(bytes: Buffer, to: Socket, fault: Fault | undefined): Promise<void> {
  if (fault?.kind === "latency") await pause(fault.delayMs);
  const size = fault?.kind === "slice" ? fault.bytes : bytes.length;
  for (let start = 0; start < bytes.length; start += size) {
    await write(to, bytes.subarray(start, start + size));
    // Or the kernel would put the pieces together again.
    if (size < bytes.length) await new Promise<void>((resolve) => void setImmediate(resolve));
  }
}

async function write(to: Socket, bytes: Buffer): Promise<void> {
  if (to.destroyed) throw new Error("the client has gone");
  if (!to.write(bytes)) await Promise.race([once(to, "drain"), once(to, "close")]);
}

async function listen(server: Server): Promise<void> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
}
