import { z } from "zod";
import type { JobEvent } from "./events.ts";
import { isJobId, JOB_ID_SHAPE, type JobId } from "./ids.ts";
import type { Problem } from "./problem.ts";

/** The WebSocket protocol, as docs/protocol.md has it. */
export const SOCKET_PROTOCOL = "sluice.v1";
/** Of a frame, in bytes of UTF-8, in both directions: what API Gateway carries. */
export const MAX_FRAME_BYTES = 32_768;
/** Of a connection. */
export const MAX_SUBSCRIPTIONS = 100;
/** Frames that are no message, after which a connection is closed. */
export const MAX_BAD_FRAMES = 10;

/** Why the server closes (RFC 6455, section 7.4; 4000 to 4999 are an application's own). */
export const CLOSE = { goingAway: 1001, unsupported: 1003, policy: 1008, tooLarge: 1009, slow: 4408 } as const;

const id = z.string().regex(/^[A-Za-z0-9._-]{1,64}$/, "must be 1 to 64 characters of A-Z, a-z, 0-9, '.', '_' or '-'");

/** What a client sends. */
export const ClientMessage = z.discriminatedUnion("type", [
  z.strictObject({
    type: z.literal("subscribe"),
    id,
    jobId: z
      .string()
      .refine(isJobId, { error: (issue) => `got ${JSON.stringify(issue.input)}; a job id is ${JOB_ID_SHAPE}` })
      .optional(),
    after: z.number().int().min(0).max(Number.MAX_SAFE_INTEGER).optional(),
  }),
  z.strictObject({ type: z.literal("unsubscribe"), id }),
  z.strictObject({ type: z.literal("ping") }),
]);
export type ClientMessage = z.output<typeof ClientMessage>;

/** What the server sends. */
export type ServerMessage =
  | { readonly type: "subscribed"; readonly id: string; readonly jobId?: JobId }
  /** `ref`: the event has lost its large members; a page at this path has them. */
  | { readonly type: "event"; readonly id: string; readonly event: JobEvent; readonly ref?: string }
  | {
      readonly type: "delta";
      readonly id: string;
      readonly jobId: JobId;
      readonly stepId: string;
      readonly attempt: number;
      readonly offset: number;
      readonly text: string;
    }
  | { readonly type: "complete"; readonly id: string; readonly jobId: JobId; readonly seq: number }
  | { readonly type: "error"; readonly id?: string; readonly problem: Problem }
  | { readonly type: "pong" };
