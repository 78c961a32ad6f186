import { DeleteItemCommand, GetItemCommand, ScanCommand } from "@aws-sdk/client-dynamodb";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { DynamoDbTickets } from "../../src/engines/aws/dynamodb-tickets.ts";
import { TABLE, TICKET_KEY_KEY } from "../../src/engines/aws/table-schema.ts";
import { newJobId, newTenant } from "../../src/testing/contracts/fixtures.ts";
import { type LocalAws, startLocalAws } from "../../src/testing/local-aws/local-aws.ts";
import { VirtualClock } from "../../src/testing/virtual-clock.ts";

let aws: LocalAws;
let clock: VirtualClock;
beforeAll(async () => {
  aws = await startLocalAws({ queues: [] });
});
afterAll(() => aws.close());
beforeEach(async () => {
  clock = new VirtualClock();
  await removeKey();
});

const Key = { [TABLE.partitionKey]: { S: TICKET_KEY_KEY }, [TABLE.sortKey]: { S: "key" } };
const removeKey = () => aws.clients.dynamoDb.send(new DeleteItemCommand({ TableName: aws.table, Key }));
/** Tickets as another container has them. */
const container = (): DynamoDbTickets =>
  new DynamoDbTickets({ client: aws.clients.dynamoDb, tableName: aws.table, clock });
const grant = () => ({ tenant: newTenant(), jobId: newJobId(), expiresMs: clock.now() + 300_000 });

/** Reads of the table, counted. */
async function readsOf(work: () => Promise<unknown>): Promise<number> {
  let reads = 0;
  aws.clients.dynamoDb.middlewareStack.add(
    (next, { commandName }) =>
      (args) => {
        if (commandName === GetItemCommand.name) reads += 1;
        return next(args);
      },
    { step: "initialize", name: "count" },
  );
  try {
    await work();
  } finally {
    aws.clients.dynamoDb.middlewareStack.remove("count");
  }
  return reads;
}

test("containers that need the first key at once agree on it", async () => {
  const issued = await Promise.all(Array.from({ length: 8 }, () => container().issue(grant())));
  const other = container();
  for (const ticket of issued) expect(await other.open(ticket)).toBeDefined();
});

test("the key is read once a minute, not for every ticket", async () => {
  const tickets = container();
  const reads = await readsOf(async () => {
    for (let n = 0; n < 5; n++) await tickets.open(await tickets.issue(grant()));
  });
  expect(reads).toBe(2); // there is none; there is one
  await clock.advance(60_000);
  expect(await readsOf(async () => tickets.issue(grant()))).toBe(1);
});

test("a storm of made-up tickets costs a read in five seconds, not a read each", async () => {
  const tickets = container();
  const real = await tickets.issue(grant());
  const reads = await readsOf(async () => {
    for (let n = 0; n < 20; n++) expect(await tickets.open(`${real}${n}`)).toBeUndefined();
    await clock.advance(5_000);
    for (let n = 0; n < 20; n++) expect(await tickets.open(`${real}${n}`)).toBeUndefined();
  });
  expect(reads).toBe(1);
  expect(await tickets.open(real)).toBeDefined();
});

test("where nobody has issued a ticket, made-up ones cost a read in five seconds and make no key", async () => {
  const [tickets, stranger] = [container(), "slt1.e30.AAAA"];
  expect(await readsOf(async () => Promise.all([tickets.open(stranger)]))).toBe(1);
  expect(await readsOf(async () => tickets.open(stranger))).toBe(0);
  const { Item } = await aws.clients.dynamoDb.send(new GetItemCommand({ TableName: aws.table, Key }));
  expect(Item).toBeUndefined();
});

test("when the key is taken away, no ticket of it opens after a minute, and those of the new one do within five seconds", async () => {
  const [issuer, opener] = [container(), container()];
  const old = await issuer.issue(grant());
  expect(await opener.open(old)).toBeDefined();
  await removeKey();
  await clock.advance(30_000);
  const fresh = await container().issue(grant());
  expect(await opener.open(fresh)).toBeDefined();
  expect(await opener.open(old)).toBeUndefined();
  await clock.advance(30_000);
  expect(await opener.open(await issuer.issue(grant()))).toBeDefined();
});

test("a ticket is used up by the put whose answer was lost, for the one who sent it", async () => {
  const tickets = container();
  const ticket = await tickets.open(await tickets.issue(grant()));
  if (ticket === undefined) throw new Error("it does not open");
  let lost = 0;
  aws.clients.dynamoDb.middlewareStack.add(
    (next) => async (args) => {
      const answer = await next(args);
      if (lost++ === 0) throw Object.assign(new Error("socket hang up"), { name: "TimeoutError", code: "ECONNRESET" });
      return answer;
    },
    { step: "finalizeRequest", priority: "low", name: "lose" },
  );
  try {
    expect(await tickets.burn(ticket)).toBe(true);
  } finally {
    aws.clients.dynamoDb.middlewareStack.remove("lose");
  }
  expect(lost).toBe(2);
  expect(await container().burn(ticket)).toBe(false);
});

test("a used ticket is an item that DynamoDB deletes after its expiry, in a partition that is no job's", async () => {
  const tickets = container();
  const ticket = await tickets.open(await tickets.issue(grant()));
  if (ticket === undefined) throw new Error("it does not open");
  await tickets.burn(ticket);
  const { Items = [] } = await aws.clients.dynamoDb.send(new ScanCommand({ TableName: aws.table }));
  const item = Items.find(({ pk }) => pk?.S === `ticket#${ticket.id}`);
  expect(item?.ttl?.N).toBe(String(ticket.expiresMs / 1_000));
});
