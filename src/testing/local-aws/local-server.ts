import type { Server } from "node:http";
import type { AddressInfo } from "node:net";

/** A server on 127.0.0.1, on a port that is free, for as long as a test lasts. */
export abstract class LocalServer {
  protected abstract readonly server: Server;

  /** Resolves with its URL. */
  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.server.listen(0, "127.0.0.1", resolve));
    return this.url;
  }

  /** Once it listens. */
  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise<void>((resolve) => this.server.close(() => resolve()));
  }
}
