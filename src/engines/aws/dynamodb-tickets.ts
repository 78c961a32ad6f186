import { randomUUID } from "node:crypto";
import { PutItemCommand } from "@aws-sdk/client-dynamodb";
import type { OpenedTicket, TicketGrant, Tickets } from "../../core/ports.ts";
import { readTicket, signTicket } from "../shared/sign-ticket.ts";
import type { DynamoDbTable } from "./dynamodb-log-reader.ts";
import { keyOf, onCondition } from "./table-items.ts";
import { BURNED_TICKETS_PREFIX, TABLE } from "./table-schema.ts";
import { TicketKey } from "./ticket-key.ts";

/** Tickets of an instance. A used one is an item in a partition of its own, which DynamoDB deletes some time after its expiry. */
export class DynamoDbTickets implements Tickets {
  readonly #table: DynamoDbTable;
  readonly #key: TicketKey;

  constructor(table: DynamoDbTable) {
    this.#table = table;
    this.#key = new TicketKey(table);
  }

  async issue(grant: TicketGrant): Promise<string> {
    return signTicket(grant, await this.#key.get());
  }

  async open(ticket: string): Promise<OpenedTicket | undefined> {
    const key = await this.#key.find();
    const opened = key && readTicket(ticket, key);
    if (opened) return opened;
    const other = await this.#key.find({ again: true });
    return other && other !== key ? readTicket(ticket, other) : undefined;
  }

  /** The SDK sends a put again whose answer was lost: `by` tells our own from another's. */
  async burn({ id, expiresMs }: OpenedTicket): Promise<boolean> {
    const by = { S: randomUUID() };
    const put = new PutItemCommand({
      TableName: this.#table.tableName,
      Item: {
        ...keyOf({ partition: BURNED_TICKETS_PREFIX + id, sort: "burned" }),
        [TABLE.timeToLive]: { N: String(Math.ceil(expiresMs / 1_000)) },
        u: by,
      },
      ConditionExpression: `attribute_not_exists(${TABLE.partitionKey}) OR u = :by`,
      ExpressionAttributeValues: { ":by": by },
    });
    return (await onCondition(this.#table.client.send(put))) !== undefined;
  }
}
