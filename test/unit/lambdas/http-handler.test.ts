import type { APIGatewayProxyEvent, Context } from "aws-lambda";
import { describe, expect, test } from "vitest";
import { httpHandler } from "../../../lambdas/http-handler.ts";
import { routes } from "../../../src/contract/routes.ts";
import { ContentionError, UnavailableError } from "../../../src/core/errors.ts";

const PAYLOAD = "what the caller asked";

/** One call of a handler; `authorizer` is what API Gateway puts there after the authorizer let it in. */
async function call(
  respond: () => unknown,
  { headers = {}, authorizer }: { headers?: Record<string, string>; authorizer?: Record<string, unknown> | null } = {},
) {
  const lines: [string, object][] = [];
  const line = (message: string, data: object) => void lines.push([message, data]);
  const tenants: string[] = [];
  const handler = httpHandler(
    routes.getJob,
    ({ tenant }) => {
      tenants.push(tenant);
      return { body: respond() };
    },
    { logger: { debug: line, info: line, warn: line, error: line } },
  );
  const event = {
    path: "/v1/jobs/x",
    headers,
    pathParameters: { jobId: "job_aaaaaaaaaaaaaaaaaaaaaaaaaa" },
    requestContext: { requestId: "r-1", ...(authorizer === undefined ? {} : { authorizer }) },
  } as unknown as APIGatewayProxyEvent;
  const { statusCode, body } = await handler(event, {} as Context);
  return { statusCode, body: JSON.parse(body) as Record<string, unknown>, tenants, lines };
}

describe("the tenant", () => {
  test("is the authorizer's, whatever a caller sends", async () => {
    const headers = { "x-tenant-id": "other", tenant: "other", "x-amzn-tenant": "other" };
    const { statusCode, tenants } = await call(() => ({}), { headers, authorizer: { tenant: "acme" } });
    expect({ statusCode, tenants }).toEqual({ statusCode: 200, tenants: ["acme"] });
  });

  test.each([
    ["no authorizer", undefined],
    ["an authorizer that says nothing", null],
    ["an authorizer without a tenant", {}],
    ["a tenant of a bad shape", { tenant: "a b" }],
    ["a tenant that is no text", { tenant: 7 }],
  ])("%s: nobody is let in, also with an x-tenant-id", async (_, authorizer) => {
    const headers = { "x-tenant-id": "acme" };
    const { statusCode, tenants } = await call(() => ({}), {
      headers,
      ...(authorizer === undefined ? {} : { authorizer }),
    });
    expect({ statusCode, tenants }).toEqual({ statusCode: 401, tenants: [] });
  });
});

describe("an error that nobody expected", () => {
  const authorizer = { tenant: "acme" };
  const boom = (message: string): never => {
    throw Object.assign(new TypeError(message), { $metadata: { requestId: "aws-1" }, code: "ECONNRESET" });
  };

  test("is shown to nobody, and logged by its class and place", async () => {
    const { statusCode, body, lines } = await call(() => boom(`cannot parse ${PAYLOAD}`), { authorizer });
    expect(statusCode).toBe(500);
    expect(body).toMatchObject({ requestId: "r-1" });
    const [[, line] = []] = lines;
    expect(line).toMatchObject({ requestId: "r-1", error: "TypeError", code: "ECONNRESET", awsRequestId: "aws-1" });
    expect(JSON.stringify(line)).toContain("http-handler.test.ts");
    expect(JSON.stringify([body, lines])).not.toContain(PAYLOAD);
  });

  test.each([
    ["a message of several lines", () => boom(`broken\n    at ${PAYLOAD} (file:///x/${PAYLOAD}.ts:1:1)`)],
    [
      "a message that was changed later",
      () => {
        const error = new Error(`    at first (file:///${PAYLOAD}:1:1)\n    at ${PAYLOAD} (/x.ts:1:1)`);
        error.message = "another";
        throw error;
      },
    ],
    [
      "a stack of its own",
      () => {
        throw Object.assign(new Error("x"), { stack: `Error: x\n    at ${PAYLOAD}` });
      },
    ],
    [
      "a thrown text",
      () => {
        throw PAYLOAD;
      },
    ],
    [
      "a cause",
      () => {
        throw new Error("outer", { cause: new RangeError(PAYLOAD) });
      },
    ],
    [
      "contention",
      () => {
        throw new ContentionError(PAYLOAD);
      },
    ],
  ])("%s brings no payload into a log", async (_, respond) => {
    const { lines, statusCode } = await call(respond, { authorizer });
    expect(statusCode).toBeGreaterThanOrEqual(500);
    expect(lines).toHaveLength(1);
    expect(JSON.stringify(lines)).not.toContain(PAYLOAD);
  });

  test("an outage of a service asks to try again", async () => {
    const { statusCode, body } = await call(
      () => {
        throw new UnavailableError(PAYLOAD);
      },
      { authorizer },
    );
    expect(statusCode).toBe(503);
    expect(JSON.stringify(body)).not.toContain(PAYLOAD);
  });
});
