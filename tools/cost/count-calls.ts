import { z } from "zod";
import { JOBS_PREFIX } from "../../src/contract/bucket-keys.ts";
import { TABLE } from "../../src/engines/aws/table-schema.ts";
import {
  type Attributes,
  indexCopyBytes,
  indexUnits,
  itemBytes,
  readUnits,
  writeUnits,
} from "../../src/testing/local-aws/dynamodb-units.ts";
import type { FunctionCounts } from "./measurement.ts";
import type { Call } from "./raw-lines.ts";

/** What DynamoDB adds to each stored item (docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html). */
const ITEM_OVERHEAD_BYTES = 100;
/** Events and messages are billed by begun 64 KB. */
const CHUNK_BYTES = 65_536;

const Key = z.record(z.string(), z.object({ S: z.string().optional(), N: z.string().optional() }));
const DynamoDbBody = z.object({
  Item: z.record(z.string(), z.record(z.string(), z.unknown())).optional(),
  Key: Key.optional(),
  UpdateExpression: z.string().optional(),
  ConsistentRead: z.boolean().optional(),
});
const PutEventsBody = z.object({
  Entries: z.array(z.object({ Source: z.string(), DetailType: z.string(), Detail: z.string() })),
});

const WRITES = ["PutItem", "UpdateItem"];
/** The one error of a write that is billed. */
const CONDITION_FAILED = "ConditionalCheckFailedException";

export const chunks = (bytes: number): number => Math.max(1, Math.ceil(bytes / CHUNK_BYTES));

/** Adds calls to counts, in the order in which they were made: what an update costs depends on the item that it changes. */
export class CallCounter {
  readonly #itemBytes = new Map<string, number>();

  add(call: Call, counts: FunctionCounts): void {
    const { service, action, resource } = call;
    if (service === "dynamodb") this.#addDynamoDb(call, counts);
    else if (service === "events" && action === "PutEvents") this.#addEvents(call, counts);
    else if (service === "sqs") counts.sqsRequests += chunks(call.requestBytes);
    // What is not a job's is the index of documents, which a container reads once.
    else if (service === "s3" && resource.includes(`/${JOBS_PREFIX}`)) this.#addS3(call, counts);
    else addOther(call, counts);
  }

  #addDynamoDb(call: Call, counts: FunctionCounts): void {
    const body = DynamoDbBody.parse(call.body ?? {});
    if (call.action === "Query" || call.action === "GetItem") {
      counts.reads += 1;
      // JSON is a little larger than what it stands for: this rounds up, never down.
      counts.readUnits += readUnits(call.responseBytes, body.ConsistentRead ?? false);
    } else if (WRITES.includes(call.action) && (call.error ?? CONDITION_FAILED) === CONDITION_FAILED) {
      this.#addWrite(call, body, counts);
    } else addOther(call, counts);
  }

  #addWrite(call: Call, body: z.output<typeof DynamoDbBody>, counts: FunctionCounts): void {
    const Item = body.Item as Attributes | undefined;
    const key = keyOf(Item ?? body.Key ?? {});
    const bytes = Item === undefined ? (this.#itemBytes.get(key) ?? 0) : itemBytes(Item);
    counts.writes += 1;
    counts.writeUnits += writeUnits(bytes);
    counts.leastWriteUnits += 1;
    if (call.error !== undefined) {
      // A failed condition consumes the write's units all the same, and leaves the indexes alone.
      counts.conflicts += 1;
      return;
    }
    const ofIndexes = indexUnits({
      ...(Item ? { Item } : {}),
      ...(body.UpdateExpression === undefined ? {} : { UpdateExpression: body.UpdateExpression }),
    });
    counts.writeUnits += ofIndexes;
    counts.leastWriteUnits += ofIndexes;
    if (Item === undefined) return;
    this.#itemBytes.set(key, bytes);
    const copy = indexCopyBytes(Item);
    counts.storedBytes += bytes + ITEM_OVERHEAD_BYTES + (copy === 0 ? 0 : copy + ITEM_OVERHEAD_BYTES);
  }

  #addEvents(call: Call, counts: FunctionCounts): void {
    const { Entries } = PutEventsBody.parse(call.body);
    counts.putEvents += 1;
    for (const { Source, DetailType, Detail } of Entries) {
      const bytes = Buffer.byteLength(Source) + Buffer.byteLength(DetailType) + Buffer.byteLength(Detail);
      counts.entries += 1;
      counts.entryUnits += chunks(bytes);
      counts.entryBytes += bytes;
    }
  }

  #addS3(call: Call, counts: FunctionCounts): void {
    if (call.action === "PutObject") {
      counts.s3Puts += 1;
      counts.s3PutBytes += call.requestBytes;
    } else counts.s3Gets += 1;
  }
}

function addOther({ service, action }: Call, counts: FunctionCounts): void {
  const name = `${service}:${action}`;
  counts.others[name] = (counts.others[name] ?? 0) + 1;
}

const keyOf = (item: Attributes): string => `${item[TABLE.partitionKey]?.S} ${item[TABLE.sortKey]?.S}`;
