import { readFileSync } from "node:fs";
import type { APIGatewayRequestAuthorizerEvent } from "aws-lambda";
import { describe, expect, test } from "vitest";
import { Authorizer } from "../../../lambdas/authorizer/authorizer.ts";
import { hashOf } from "../../../lambdas/authorizer/keys.ts";
import { CorsSettings } from "../../../src/contract/cors.ts";
import type { TenantId } from "../../../src/contract/ids.ts";
import { openDatabase } from "../../../src/engines/embedded/database.ts";
import { GroupCommit } from "../../../src/engines/embedded/group-commit.ts";
import { SqliteTickets } from "../../../src/engines/embedded/sqlite-tickets.ts";
import { newJobId } from "../../../src/testing/contracts/fixtures.ts";
import { VirtualClock } from "../../../src/testing/virtual-clock.ts";

const sample = JSON.parse(
  readFileSync(new URL("../../../lambdas/authorizer/event.json", import.meta.url), "utf8"),
) as APIGatewayRequestAuthorizerEvent;
const KEY = "slc_right-key";
/** As the WebSocket API asks: it has no method and no path. */
const connect = {
  methodArn: "arn:aws:execute-api:us-east-1:000000000000:sockets/live/$connect",
  headers: {},
  queryStringParameters: {},
  requestContext: { eventType: "CONNECT", routeKey: "$connect", connectionId: "c1" },
};
const secretOf = (...keys: (readonly [key: string, tenant: string])[]): string =>
  JSON.stringify({ keys: keys.map(([key, tenant]) => ({ tenant, sha256: hashOf(key) })) });

/** An authorizer over a secret that the test changes. */
function authorizing(text = secretOf([KEY, "acme"])) {
  const lines: unknown[] = [];
  const line = (...what: unknown[]) => void lines.push(what);
  const secret = {
    text,
    reads: 0,
    fault: undefined as Error | undefined,
    wait: undefined as Promise<void> | undefined,
  };
  const clock = new VirtualClock();
  const db = openDatabase({ dataDir: undefined }).db;
  const tickets = new SqliteTickets(db, new GroupCommit(db), clock, "secret");
  const authorizer = new Authorizer({
    tickets,
    cors: CorsSettings.parse({ origins: ["https://app.example.org"] }),
    async readKeys() {
      secret.reads += 1;
      await secret.wait;
      if (secret.fault) throw secret.fault;
      return secret.text;
    },
    clock,
    logger: { debug: line, info: line, warn: line, error: line },
  });
  const ask = (headers: APIGatewayRequestAuthorizerEvent["headers"], more = {}) =>
    authorizer.authorize({ ...sample, headers, ...more });
  /** The tenant that the caller is, or what was thrown. */
  const who = async (key: string): Promise<unknown> =>
    ask({ Authorization: `Bearer ${key}` }).then(
      ({ context }) => context?.tenant,
      (error: Error) => error.message,
    );
  const opening = (request: object = {}) => authorizer.authorize({ ...connect, ...request });
  return { secret, clock, lines, ask, who, tickets, opening };
}

test("a right key opens every route of the stage, for its tenant", async () => {
  const { ask } = authorizing();
  expect(await ask({ authorization: `bearer ${KEY}` })).toEqual({
    principalId: "acme",
    policyDocument: {
      Version: "2012-10-17",
      Statement: [
        {
          Action: "execute-api:Invoke",
          Effect: "Allow",
          Resource: "arn:aws:execute-api:us-east-1:000000000000:sample/dev/*",
        },
      ],
    },
    context: { tenant: "acme" },
  });
});

test.each([
  ["no headers", null],
  ["no header of that name", { "x-api-key": KEY }],
  ["a wrong key", { Authorization: "Bearer slc_wrong" }],
  ["a key without its scheme", { Authorization: KEY }],
  ["another scheme", { Authorization: `Basic ${KEY}` }],
  ["two keys", { Authorization: `Bearer ${KEY} ${KEY}` }],
  ["two headers in one", { Authorization: `Bearer x, Bearer ${KEY}` }],
  ["an empty key", { Authorization: "Bearer " }],
  ["a hash in the key's place", { Authorization: `Bearer ${hashOf(KEY)}` }],
])("%s is answered with the word that becomes a 401", async (_, headers) => {
  await expect(authorizing().ask(headers)).rejects.toThrow(/^Unauthorized$/);
});

test("a key in the query string, or a tenant in a header, opens nothing", async () => {
  const { ask, secret } = authorizing();
  const queryStringParameters = { authorization: `Bearer ${KEY}`, key: KEY };
  await expect(ask({ "x-tenant-id": "acme" }, { queryStringParameters })).rejects.toThrow(/^Unauthorized$/);
  expect(secret.reads).toBe(0);
  expect(await ask({ "x-tenant-id": "other", Authorization: `Bearer ${KEY}` })).toMatchObject({
    context: { tenant: "acme" },
  });
});

test("a revoked key is refused after a minute", async () => {
  const { secret, clock, who } = authorizing();
  expect(await who(KEY)).toBe("acme");
  secret.text = secretOf();
  await clock.advance(59_999);
  expect([await who(KEY), secret.reads]).toEqual(["acme", 1]);
  await clock.advance(1);
  expect([await who(KEY), secret.reads]).toEqual(["Unauthorized", 2]);
});

test("a new key is let in within ten seconds", async () => {
  const { secret, clock, who } = authorizing();
  await who(KEY);
  secret.text = secretOf([KEY, "acme"], ["slc_new", "beta"]);
  await clock.advance(10_000);
  expect([await who("slc_new"), await who(KEY), secret.reads]).toEqual(["beta", "acme", 2]);
});

test("a storm of random keys costs a call in ten seconds, not a call each", async () => {
  const { secret, clock, who } = authorizing();
  for (let second = 0; second < 60; second++) {
    for (let n = 0; n < 5; n++) expect(await who(`slc_${second}-${n}`)).toBe("Unauthorized");
    await clock.advance(1_000);
  }
  expect(secret.reads).toBe(6);
});

test("requests that come together share one call", async () => {
  const { secret, who } = authorizing();
  const { promise, resolve } = Promise.withResolvers<void>();
  secret.wait = promise;
  const together = Promise.all([who(KEY), who("slc_wrong"), who(KEY)]);
  resolve();
  expect(await together).toEqual(["acme", "Unauthorized", "acme"]);
  expect(secret.reads).toBe(1);
});

test("what was read counts for fifteen minutes while the secret cannot be read, and not a moment longer", async () => {
  const { secret, clock, who } = authorizing();
  await who(KEY);
  secret.fault = new Error("down");
  // The try just before the end must not make what is old count for another minute.
  await clock.advance(899_999);
  expect(await who(KEY)).toBe("acme");
  expect(await who("slc_wrong")).toBe("Unauthorized");
  await clock.advance(1);
  expect(await who(KEY)).toBe("the keys cannot be read");
  secret.fault = undefined;
  await clock.advance(10_000);
  expect(await who(KEY)).toBe("acme");
});

test("an outage costs a call in ten seconds while keys are known, and one a second while none are", async () => {
  const { secret, clock, who } = authorizing();
  await who(KEY);
  secret.fault = new Error("down");
  await clock.advance(60_000);
  for (let second = 0; second < 20; second++) {
    await who(KEY);
    await clock.advance(1_000);
  }
  expect(secret.reads).toBe(1 + 2);
  const cold = authorizing("[]");
  for (let n = 0; n < 10; n++) expect(await cold.who(KEY)).toBe("the keys cannot be read");
  expect(cold.secret.reads).toBe(1);
  cold.secret.text = secretOf([KEY, "acme"]);
  await cold.clock.advance(1_000);
  expect(await cold.who(KEY)).toBe("acme");
});

test.each([
  ["no JSON", `${KEY} is no JSON`],
  ["nothing", ""],
  ["another shape", JSON.stringify({ [KEY]: "acme" })],
  ["a plain key for a hash", JSON.stringify({ keys: [{ tenant: "acme", sha256: KEY }] })],
  ["a tenant of a bad shape", JSON.stringify({ keys: [{ tenant: `${KEY} !`, sha256: hashOf(KEY) }] })],
])("a secret that holds %s lets nobody in, and is in no log", async (_, text) => {
  const { who, lines } = authorizing(text);
  const said = await who(KEY);
  expect(said).toBe("the keys cannot be read");
  expect(lines).toHaveLength(1);
  expect(JSON.stringify([lines, said])).not.toContain(KEY);
});

test("a fault whose message quotes the secret or the key is in no log", async () => {
  const { who, lines, secret } = authorizing();
  secret.fault = new Error(`cannot read ${secretOf([KEY, "acme"])} for ${KEY}`);
  const said = await who(KEY);
  const written = JSON.stringify([lines, said]);
  expect(lines).toHaveLength(1);
  expect(written).not.toContain(KEY);
  expect(written).not.toContain(hashOf(KEY));
});

describe("a ticket", () => {
  const TENANT = "acme" as TenantId;
  const route = (jobId: string, ticket: string | undefined, more = {}) => ({
    methodArn: `arn:aws:execute-api:us-east-1:000000000000:sample/api/GET/v1/jobs/${jobId}/events`,
    httpMethod: "GET",
    resource: "/v1/jobs/{jobId}/events",
    pathParameters: { jobId },
    queryStringParameters: ticket === undefined ? {} : { ticket },
    ...more,
  });
  async function issued(ttlMs = 60_000) {
    const made = authorizing();
    const jobId = newJobId();
    const expiresMs = made.clock.now() + ttlMs;
    return { ...made, jobId, ticket: await made.tickets.issue({ tenant: TENANT, jobId, expiresMs }) };
  }
  const query = (ticket: string) => ({ queryStringParameters: { ticket } });

  test("opens its job's events, and no other route, until it expires", async () => {
    const { ask, jobId, ticket, clock, secret } = await issued();
    for (let n = 0; n < 3; n++) {
      expect(await ask({}, route(jobId, ticket))).toMatchObject({
        policyDocument: { Statement: [{ Effect: "Allow", Resource: route(jobId, ticket).methodArn }] },
        context: { tenant: TENANT },
      });
    }
    expect(secret.reads).toBe(0);
    await clock.advance(60_000);
    await expect(ask({}, route(jobId, ticket))).rejects.toThrow(/^Unauthorized$/);
  });

  test.each([
    ["another job", { jobId: newJobId() }],
    ["another route", { more: { resource: "/v1/jobs/{jobId}" } }],
    ["another method", { more: { httpMethod: "POST" } }],
    ["the ticket in a header", { headers: { Authorization: "TICKET" } }],
  ])(
    "does not open %s",
    async (_, { jobId: other, more, headers }: { jobId?: string; more?: object; headers?: object }) => {
      const { ask, jobId, ticket } = await issued();
      const sent = headers ? { Authorization: `Bearer ${ticket}` } : {};
      await expect(ask(sent, route(other ?? jobId, headers ? undefined : ticket, more))).rejects.toThrow(
        /^Unauthorized$/,
      );
    },
  );

  test("that is altered, cut or made up opens nothing, and is in no log line", async () => {
    const { ask, jobId, ticket, lines } = await issued();
    for (const bad of [`${ticket}A`, ticket.slice(0, -1), "slt1.e30.AAAA", "x"]) {
      await expect(ask({}, route(jobId, bad))).rejects.toThrow(/^Unauthorized$/);
    }
    expect(lines).toHaveLength(4);
    expect(JSON.stringify(lines)).not.toContain(ticket.slice(0, 40));
  });

  test("beside a key is not looked at: the key opens or it does not", async () => {
    const { ask, jobId, ticket } = await issued();
    await expect(ask({ Authorization: "Bearer slc_wrong" }, route(jobId, ticket))).rejects.toThrow(/^Unauthorized$/);
    expect(await ask({ Authorization: `Bearer ${KEY}` }, route(jobId, "bad"))).toMatchObject({
      policyDocument: { Statement: [{ Resource: "arn:aws:execute-api:us-east-1:000000000000:sample/api/*" }] },
    });
  });

  test("opens a WebSocket once, for its job", async () => {
    const { opening, jobId, ticket } = await issued();
    expect(await opening(query(ticket))).toEqual({
      principalId: TENANT,
      policyDocument: {
        Version: "2012-10-17",
        Statement: [{ Action: "execute-api:Invoke", Effect: "Allow", Resource: connect.methodArn }],
      },
      context: { tenant: TENANT, jobId },
    });
    await expect(opening(query(ticket))).rejects.toThrow(/^Unauthorized$/);
  });

  test("that has expired opens no WebSocket", async () => {
    const { opening, ticket, clock } = await issued();
    await clock.advance(60_000);
    await expect(opening(query(ticket))).rejects.toThrow(/^Unauthorized$/);
  });

  test("is not used up by a page that may not connect", async () => {
    const { opening, ticket } = await issued();
    const foreign = await opening({ ...query(ticket), headers: { Origin: "https://evil.example" } });
    expect(foreign.policyDocument.Statement).toMatchObject([{ Effect: "Deny" }]);
    const own = await opening({ ...query(ticket), headers: { origin: "https://app.example.org" } });
    expect(own.policyDocument.Statement).toMatchObject([{ Effect: "Allow" }]);
  });
});

test("a key opens a WebSocket for all jobs of its tenant; without one nobody gets in", async () => {
  const { opening } = authorizing();
  const { context } = await opening({ headers: { Authorization: `Bearer ${KEY}` } });
  expect(context).toEqual({ tenant: "acme" });
  await expect(opening()).rejects.toThrow(/^Unauthorized$/);
  await expect(opening({ headers: { Authorization: "Bearer slc_wrong" } })).rejects.toThrow(/^Unauthorized$/);
});
