import type { APIGatewayProxyEvent, Context } from "aws-lambda";
import { expect, test } from "vitest";
import { createHandler as createHealth } from "../../../lambdas/health/create-handler.ts";
import { addCors, withCors } from "../../../lambdas/with-cors.ts";
import { CorsSettings } from "../../../src/contract/cors.ts";

const cors = CorsSettings.parse({ origins: ["https://app.example.org"] });
const logger = { debug() {}, info() {}, warn() {}, error() {} };
const health = createHealth({ logger });
const event = (origin: string | undefined, query: Record<string, string> | null = null) =>
  ({
    headers: origin === undefined ? null : { Origin: origin },
    queryStringParameters: query,
    requestContext: { requestId: "1" },
  }) as unknown as APIGatewayProxyEvent;
const context = {} as Context;
const ALLOWED = "access-control-allow-origin";

test("a page of a listed origin may read an answer, and an error as well", async () => {
  const handler = withCors(health, cors);
  for (const [query, status] of [
    [null, 200],
    [{ unknown: "1" }, 400],
  ] as const) {
    const { statusCode, headers } = await handler(event("https://app.example.org", query), context);
    expect([statusCode, headers?.[ALLOWED], headers?.vary]).toEqual([status, "https://app.example.org", "Origin"]);
  }
});

test("another page may not, and a program is told nothing but that answers differ", async () => {
  const handler = withCors(health, cors);
  for (const origin of ["https://evil.example", undefined]) {
    const { headers } = await handler(event(origin), context);
    expect([headers?.[ALLOWED], headers?.vary]).toEqual([undefined, "Origin"]);
  }
});

test("without the setting the handler is as it was", () => {
  expect(withCors(health, undefined)).toBe(health);
});

test("what an answer varies by besides is kept, and what comes later is told the same", async () => {
  const now = { statusCode: 202, headers: { vary: "accept" }, body: "" };
  const result = addCors({ ...now, later: async () => ({ ...now, statusCode: 200 }) }, cors, "https://app.example.org");
  const later = await result.later?.(new AbortController().signal);
  expect(later?.statusCode).toBe(200);
  for (const { headers } of [result, later ?? result]) {
    expect(headers).toMatchObject({ vary: "accept, Origin", [ALLOWED]: "https://app.example.org" });
  }
});
