import { createHmac } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, expect, test } from "vitest";
import { DATABASE_FILE } from "../../../src/engines/embedded/database.ts";
import { type EmbeddedEngine, openEmbeddedEngine } from "../../../src/engines/embedded/embedded-engine.ts";
import { newJobId, newTenant } from "../../../src/testing/contracts/fixtures.ts";
import { VirtualClock } from "../../../src/testing/virtual-clock.ts";
import { appOf } from "../core/fixtures.ts";

const app = appOf(async () => 1);
const clock = new VirtualClock();
let dataDir: string;
let engine: EmbeddedEngine;

function start(): void {
  const onError = (error: unknown): never => {
    throw error;
  };
  engine = openEmbeddedEngine({ app, dataDir, clock, onReady: () => {}, onError });
}
async function restart(meanwhile: () => void = () => {}): Promise<void> {
  await engine.close();
  meanwhile();
  start();
}
/** Something done to the closed data file. */
function inFile<T>(work: (db: DatabaseSync) => T): T {
  const db = new DatabaseSync(join(dataDir, DATABASE_FILE));
  try {
    return work(db);
  } finally {
    db.close();
  }
}
const burned = (): unknown => inFile((db) => db.prepare("SELECT id FROM burned_tickets ORDER BY id").all());
const issue = (ttlMs: number): Promise<string> =>
  engine.tickets.issue({ tenant: newTenant(), jobId: newJobId(), expiresMs: clock.now() + ttlMs });
async function open(text: string) {
  const opened = await engine.tickets.open(text);
  if (opened === undefined) throw new Error("it does not open");
  return opened;
}

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), "sluice-tickets-"));
  start();
});
afterEach(async () => {
  await engine.close();
  rmSync(dataDir, { recursive: true });
});

test("a ticket opens after a restart, and one that was used stays used", async () => {
  const text = await issue(60_000);
  expect(await engine.tickets.burn(await open(text))).toBe(true);
  await restart();
  expect(await engine.tickets.burn(await open(text))).toBe(false);
});

test("used tickets are forgotten only once they have expired", async () => {
  const [short, long] = [await open(await issue(10_000)), await open(await issue(60_000))];
  await Promise.all([engine.tickets.burn(short), engine.tickets.burn(long)]);
  await clock.advance(10_001);
  const other = await open(await issue(60_000));
  await engine.tickets.burn(other);
  await restart();
  expect(burned()).toEqual([long.id, other.id].sort().map((id) => ({ id })));
});

test("a data directory from before there were tickets gets the place for them", async () => {
  await restart(() => inFile((db) => db.exec("DROP TABLE burned_tickets")));
  expect(await engine.tickets.burn(await open(await issue(60_000)))).toBe(true);
});

test("the key is not the secret that other things are signed with", async () => {
  const text = await issue(60_000);
  const [version, payload, signature] = text.split(".");
  const { value } = inFile(
    (db) => db.prepare("SELECT value FROM meta WHERE key = 'secret'").get() as { value: string },
  );
  expect(createHmac("sha256", value).update(`${version}.${payload}`).digest("base64url")).not.toBe(signature);
});
