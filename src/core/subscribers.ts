import type { JobId, TenantId } from "../contract/ids.ts";

/** Who is connected by WebSocket, what they watch, and how far they have got. Losing any of it only makes clients come back. */

/** A client's connection. */
export interface Connection {
  readonly id: string;
  readonly tenant: TenantId;
  /** The only job that it may watch, where it was opened with a ticket. */
  readonly jobId?: JobId;
  /** When it is gone whatever happens, in epoch ms. */
  readonly expiresMs: number;
}

/** That a connection is to be sent a job's events after a cursor; without a job, those of all that its tenant submits from now on. */
export interface Subscription {
  readonly connectionId: string;
  /** The client's name for it. */
  readonly id: string;
  /** Tells it from one that stood in its place before. */
  readonly token: string;
  readonly tenant: TenantId;
  readonly jobId: JobId | undefined;
  /** It follows from one to all jobs of the tenant: it counts for nothing, and ends with its job alone. */
  readonly isDerived: boolean;
  /** The seq of the last event that was sent. */
  readonly afterSeq: number;
  readonly expiresMs: number;
}

/** The adapters pass the suite in `src/testing/contracts/subscribers.ts`. */
export interface Subscribers {
  connect(connection: Connection): Promise<void>;
  connection(id: string): Promise<Connection | undefined>;
  /** Forgets the connection with all its subscriptions. One that is not there is forgotten already. */
  disconnect(id: string): Promise<void>;
  /** How many frames of this connection were no message, this one included. */
  blame(id: string): Promise<number>;
  /**
   * Adds a subscription, in the place of one of the same connection, id and job; one with the same token stays, with its
   * cursor. A derived one takes no place that is taken. `full`: nothing was done, since the connection has `most` that are not
   * derived; `gone`: nothing stands, since the connection is not there, or the subscription was taken back meanwhile, or that
   * from which it follows: the one of its id and token to all jobs.
   */
  subscribe(subscription: Subscription, most: number): Promise<"added" | "full" | "gone">;
  /** Forgets what stands under a connection's id, with all that is derived from it. */
  unsubscribe(connectionId: string, id: string): Promise<void>;
  /** Nothing more will come of a job's subscription: forgets it, but not what has taken its place. */
  end(subscription: Subscription): Promise<void>;
  /** Strongly consistent: whoever has subscribed before is among them. */
  ofJob(jobId: JobId): Promise<readonly Subscription[]>;
  /** Those to all jobs of a tenant. Strongly consistent. */
  ofTenant(tenant: TenantId): Promise<readonly Subscription[]>;
  /** Moves a job's subscription on, never back. False where it is gone, or replaced: nothing more is to be sent for it. */
  advance(subscription: Subscription, afterSeq: number): Promise<boolean>;
}

/** The connections themselves. */
export interface Sockets {
  /**
   * Hands a frame over, in order with those before; waits while a client takes them too slowly, for a time. `refused`: this
   * connection does not take it. Throws where none would, since what carries them all fails.
   */
  post(connectionId: string, frame: string): Promise<"sent" | "gone" | "refused">;
  /** Where the technology does not let us say why, the client sees its own code. */
  close(connectionId: string, code: number, reason: string): Promise<void>;
}
