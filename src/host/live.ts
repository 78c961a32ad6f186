import type { Server } from "node:http";
import { Delivery, watchNew } from "../../lambdas/delivery/delivery.ts";
import { errorKeys } from "../../lambdas/error-keys.ts";
import { createHandler } from "../../lambdas/socket/create-handler.ts";
import type { JobId } from "../contract/ids.ts";
import type { Committed } from "../core/ports.ts";
import type { Runtime } from "../core/runtime.ts";
import type { CommitFeed } from "../engines/embedded/commit-feed.ts";
import { MemorySubscribers } from "../engines/embedded/memory-subscribers.ts";
import type { Callers } from "./callers.ts";
import { LocalSockets } from "./local-sockets.ts";
import { SocketServer } from "./socket-server.ts";

/** WebSocket in this process: who is connected, and what each commit has to be told to whom. */
export class Live {
  readonly #runtime: Runtime;
  readonly #subscribers = new MemorySubscribers();
  readonly #delivery: Delivery;
  readonly #server: SocketServer;
  readonly #stop: () => void;

  constructor(runtime: Runtime, feed: CommitFeed, callers: Callers) {
    const { clock, log, logger } = runtime;
    const sockets = new LocalSockets(clock);
    const subscribers = this.#subscribers;
    this.#runtime = runtime;
    this.#delivery = new Delivery({ ...runtime, subscribers, sockets });
    const deliver = async (jobId: JobId): Promise<void> => this.#deliver(jobId);
    const handler = createHandler({ subscribers, sockets, log, clock, logger, deliver });
    this.#server = new SocketServer({ handler, sockets, callers, clock, logger });
    this.#stop = feed.listen((commit) => this.#committed(commit));
  }

  attach(server: Server): void {
    this.#server.attach(server);
  }

  /** Tells every client to come back. */
  close(): void {
    this.#stop();
    this.#server.close();
  }

  #committed(commit: Committed): void {
    const { jobId, isFirst } = commit;
    if (isFirst) {
      watchNew(commit, this.#subscribers).then(
        () => this.#deliver(jobId),
        (error: unknown) => this.#failed(jobId, error),
      );
    } else this.#deliver(jobId);
  }

  /** What fails here is made good by the client, which asks again where nothing has come for a while. */
  #deliver(jobId: JobId): void {
    this.#delivery.deliver(jobId).catch((error: unknown) => this.#failed(jobId, error));
  }

  #failed(jobId: JobId, error: unknown): void {
    this.#runtime.logger.error("events not delivered", { jobId, ...errorKeys(error) });
  }
}
