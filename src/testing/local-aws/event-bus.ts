import { randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type Server } from "node:http";
import { LocalServer } from "./local-server.ts";

/** What a rule of the template says (docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html). */
export interface EventPattern {
  readonly source: readonly string[];
  readonly "detail-type": readonly string[];
  readonly "replay-name"?: readonly [{ readonly exists: false }];
}

export interface BusRule {
  readonly pattern: EventPattern;
  /** Brings an event to the rule's target. */
  deliver(event: BusEnvelope): Promise<void>;
}

export interface BusEnvelope {
  readonly version: "0";
  readonly id: string;
  readonly "detail-type": string;
  readonly source: string;
  readonly account: string;
  readonly time: string;
  readonly region: string;
  readonly resources: readonly string[];
  readonly detail: { readonly tenant?: string };
  readonly "replay-name"?: string;
}

/** What happens to the n-th entry since the start, 1 for the first: it is taken, refused, or taken and then lost. */
export type EntryFault = (n: number) => "take" | "refuse" | "lose";

/**
 * A bus of one process that speaks PutEvents as the SDK does and brings events to rules. There is none on npm; this one
 * does what our rules need and refuses what it does not know.
 */
export class EventBus extends LocalServer {
  readonly #rules: BusRule[] = [];
  protected readonly server: Server;
  /** Calls of PutEvents, and their entries, so far. */
  calls = 0;
  entries = 0;
  fault: EntryFault = () => "take";

  constructor() {
    super();
    this.server = createServer((request, response) => {
      this.#serve(request).then(
        (body) => response.setHeader("content-type", "application/x-amz-json-1.1").end(JSON.stringify(body)),
        (error: Error) => {
          response.statusCode = 400;
          response.setHeader("content-type", "application/x-amz-json-1.1");
          response.end(JSON.stringify({ __type: "ValidationException", message: error.message }));
        },
      );
    });
  }

  addRule(rule: BusRule): void {
    const known = ["source", "detail-type", "replay-name"];
    const unknown = Object.keys(rule.pattern).filter((field) => !known.includes(field));
    if (unknown.length > 0) throw new RangeError(`this bus matches ${known.join(", ")}; got ${unknown.join(", ")}`);
    this.#rules.push(rule);
  }

  /** As an archive's replay would: rules that listen to workers must not hear it. */
  async replay(event: BusEnvelope, name: string): Promise<void> {
    await this.#deliver({ ...event, "replay-name": name });
  }

  async #serve(request: IncomingMessage): Promise<object> {
    const target = request.headers["x-amz-target"];
    if (target !== "AWSEvents.PutEvents") throw new Error(`this bus takes AWSEvents.PutEvents; got ${target}`);
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const { Entries } = JSON.parse(Buffer.concat(chunks).toString()) as { Entries: Record<string, string>[] };
    if (!Array.isArray(Entries) || Entries.length < 1 || Entries.length > 10) {
      throw new Error(`1 to 10 entries are allowed; got ${Entries?.length}`);
    }
    this.calls += 1;
    const results = await Promise.all(Entries.map((entry) => this.#take(entry)));
    return { FailedEntryCount: results.filter((result) => "ErrorCode" in result).length, Entries: results };
  }

  async #take(entry: Record<string, string>): Promise<{ EventId: string } | { ErrorCode: string }> {
    this.entries += 1;
    const fate = this.fault(this.entries);
    if (fate === "refuse") return { ErrorCode: "ThrottlingException" };
    const id = randomUUID();
    if (fate === "take") {
      await this.#deliver({
        version: "0",
        id,
        "detail-type": entry.DetailType ?? "",
        source: entry.Source ?? "",
        account: "000000000000",
        time: new Date().toISOString(),
        region: "us-east-1",
        resources: [],
        detail: JSON.parse(entry.Detail ?? "{}"),
      });
    }
    return { EventId: id };
  }

  async #deliver(event: BusEnvelope): Promise<void> {
    const matching = this.#rules.filter(
      ({ pattern }) =>
        pattern.source.includes(event.source) &&
        pattern["detail-type"].includes(event["detail-type"]) &&
        (pattern["replay-name"] === undefined || event["replay-name"] === undefined),
    );
    await Promise.all(matching.map((rule) => rule.deliver(event)));
  }
}
