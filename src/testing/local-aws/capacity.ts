import type { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import type { S3Client } from "@aws-sdk/client-s3";
import { indexUnits, itemBytes, type Write, writeUnits } from "./dynamodb-units.ts";
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
  readonly ConsumedCapacity?: { readonly CapacityUnits?: number; readonly GlobalSecondaryIndexes?: object };
}

const WRITES = ["PutItemCommand", "UpdateItemCommand"];

interface Read {
  readonly ConsistentRead?: boolean;
}

/** A read that finds nothing is billed as the smallest; dynalite says 0. */
const leastOf = ({ ConsistentRead = false }: Read): number => (ConsistentRead ? 1 : 0.5);

/**
 * Counts every call of the clients from now on, in the units of DynamoDB. What its indexes consume is part of that:
 * DynamoDB Local reports it, dynalite does not, and there it is computed. Calls of SQS are not counted: a step makes none.
 */
export function countCapacity({ clients, eventBus }: LocalAws): { take(): Capacity } {
  let counted = none();
  let [calls, entries] = [eventBus.calls, eventBus.entries];
  const dynamo: DynamoDBClient = clients.dynamoDb;
  dynamo.middlewareStack.add(
    (next, context) => async (args) => {
      Object.assign(args.input, { ReturnConsumedCapacity: "INDEXES" });
      const isWrite = WRITES.includes(context.commandName ?? "");
      counted[isWrite ? "writes" : "reads"] += 1;
      try {
        const result = await next(args);
        const { ConsumedCapacity } = result.output as Consumed;
        const units = ConsumedCapacity?.CapacityUnits ?? Number.NaN;
        const reported = ConsumedCapacity?.GlobalSecondaryIndexes !== undefined;
        if (isWrite) counted.writeUnits += units + (reported ? 0 : indexUnits(args.input as Write));
        else counted.readUnits += Math.max(units, leastOf(args.input as Read));
        return result;
      } catch (error) {
        // A failed condition consumes the write's units all the same (…/developerguide/WorkingWithItems.html).
        if ((error as Error).name === "ConditionalCheckFailedException") {
          counted.conflicts += 1;
          counted.writeUnits += writeUnits(itemBytes((args.input as Write).Item ?? {}));
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
