import { DynamoDBClient, GetItemCommand } from "@aws-sdk/client-dynamodb";
import { defineCapability } from "sluice";
import { z } from "zod";

let client: DynamoDBClient | undefined;

/** Reads one order from the shop's table, whose name is in `ORDERS_TABLE`. */
export const orderLookup = defineCapability({
  name: "order-lookup",
  input: z.object({ orderId: z.string().min(1) }),
  output: z.object({ status: z.string().nullable().describe("null: there is no such order") }),
  timeoutMs: 5_000,
  async run({ orderId }, { signal }) {
    client ??= new DynamoDBClient({});
    const { Item } = await client.send(
      new GetItemCommand({ TableName: process.env.ORDERS_TABLE, Key: { orderId: { S: orderId } } }),
      { abortSignal: signal },
    );
    return { status: Item?.status?.S ?? null };
  },
});
