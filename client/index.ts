export type { WebSocketConstructor, WebSocketLike } from "./channels/websocket.ts";
/** The client of Sluice: submits jobs, follows them live, goes on by itself after whatever breaks. Runs in Node and in browsers. */
export {
  type ClientOptions,
  type DeadLetterFilter,
  type ListOptions,
  SluiceClient,
  type SubmitOptions,
} from "./client.ts";
export { ConnectionError, JobEndedError, OptionError, SluiceError, UnavailableError } from "./errors.ts";
export type { FollowOptions, Update } from "./follow.ts";
export type { Fetch } from "./http.ts";
export {
  type CallOptions,
  type EventsOptions,
  type ForkOptions,
  Job,
  type SubmittedJob,
  type TextOptions,
  type TypedJobView,
} from "./job.ts";
export { Listing, type Page } from "./listing.ts";
export { type ChannelName, DEFAULT_RETRY, type RetryPolicy } from "./retry.ts";
export { TextAssembler, type TextChunk } from "./text.ts";
export type { Ticket, TicketOptions, TicketSource } from "./tickets.ts";
export type { AnyWorkflow, InputOf, NameOf, OutputOf, WorkflowShape } from "./typed.ts";
export * from "./wire.ts";
