import type { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import type { S3Client } from "@aws-sdk/client-s3";
import type { LocalAws } from "./local-aws.ts";

/** What was asked of the services, as they count it for the bill. */
export interface Capacity {
  writes: number;
  writeUnits: number;
  reads: number;
  readUnits: number;
  /** Appends that another writer was faster than: each is billed as a write. */
  conflicts: number;
  s3Puts: number;
  s3Gets: number;
  putEvents: number;
  entries: number;
}

interface Consumed {
  readonly ConsumedCapacity?: { readonly CapacityUnits?: number };
}

const WRITES = ["PutItemCommand", "UpdateItemCommand"];

/** Counts every call of the clients from now on; indexes are in the units that DynamoDB reports. */
export function countCapacity({ clients, eventBus }: LocalAws): { take(): Capacity } {
  let counted = none();
  let [calls, entries] = [eventBus.calls, eventBus.entries];
  const dynamo: DynamoDBClient = clients.dynamoDb;
  dynamo.middlewareStack.add(
    (next, context) => async (args) => {
      Object.assign(args.input, { ReturnConsumedCapacity: "TOTAL" });
      const isWrite = WRITES.includes(context.commandName ?? "");
      counted[isWrite ? "writes" : "reads"] += 1;
      try {
        const result = await next(args);
        const { ConsumedCapacity } = result.output as Consumed;
        counted[isWrite ? "writeUnits" : "readUnits"] += ConsumedCapacity?.CapacityUnits ?? Number.NaN;
        return result;
      } catch (error) {
        // docs.aws.amazon.com: a failed condition consumes write units all the same; a local server does not report how many.
        if ((error as Error).name === "ConditionalCheckFailedException") {
          counted.conflicts += 1;
          counted.writeUnits += 1;
        }
        throw error;
      }
    },
    { step: "initialize", name: "countCapacity" },
  );
  const s3: S3Client = clients.s3;
  s3.middlewareStack.add(
    (next, context) => async (args) => {
      counted[context.commandName === "PutObjectCommand" ? "s3Puts" : "s3Gets"] += 1;
      return next(args);
    },
    { step: "initialize", name: "countObjects" },
  );
  return {
    take() {
      const taken = { ...counted, putEvents: eventBus.calls - calls, entries: eventBus.entries - entries };
      counted = none();
      [calls, entries] = [eventBus.calls, eventBus.entries];
      return taken;
    },
  };
}

const none = (): Capacity => ({
  writes: 0,
  writeUnits: 0,
  reads: 0,
  readUnits: 0,
  conflicts: 0,
  s3Puts: 0,
  s3Gets: 0,
  putEvents: 0,
  entries: 0,
});
