import { createHash } from "node:crypto";
import { request } from "node:http";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Keys } from "../../lambdas/authorizer/keys.ts";
import { CORS_EXPOSED_HEADERS, CORS_REQUEST_HEADERS } from "../../src/contract/cors.ts";
import type { TenantId } from "../../src/contract/ids.ts";
import { type Embedded, type EmbeddedOptions, startEmbedded } from "../../src/host/host.ts";
import app from "./faulty-app.ts";

const silent = { debug() {}, info() {}, warn() {}, error() {} };
const resources = {
  tools: app.tools,
  model: app.model,
  price: undefined,
  corpus: { search: () => [], read: () => undefined },
};
const PAGE = "https://app.example.org";
const OTHER = "https://evil.example";
const keys = new Keys([{ tenant: "acme" as TenantId, sha256: createHash("sha256").update("slc_key").digest("hex") }]);
const SUBMIT = JSON.stringify({ workflow: "echoes", input: { text: "hello" } });

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

/** A request with exactly these headers: `fetch` would not send them. */
function ask(url: string, method: string, headers: Record<string, string>, body?: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { method, headers }, (response) => {
      response.resume().on("end", () => resolve({ status: response.statusCode ?? 0, headers: response.headers }));
    });
    sent.on("error", reject).end(body);
  });
}

const open: Embedded[] = [];
async function serve(options: Partial<EmbeddedOptions>): Promise<string> {
  const embedded = startEmbedded({ app, resources, logger: silent, dataDir: undefined, ...options });
  open.push(embedded);
  return embedded.listen(0, "127.0.0.1");
}
let [keyless, keyed, any, off] = ["", "", "", ""];
beforeAll(async () => {
  const listed = { cors: { origins: [PAGE], maxAgeSeconds: 60 } };
  keyless = await serve(listed);
  keyed = await serve({ ...listed, keys });
  any = await serve({ cors: { origins: ["*"] }, keys });
  off = await serve({});
});
afterAll(() => Promise.all(open.map((embedded) => embedded.close())));

/** What a browser sends with a request of a page of another site. */
const from = (origin: string, more: Record<string, string> = {}) => ({
  origin,
  "sec-fetch-site": "cross-site",
  ...more,
});
const JSON_BODY = { "content-type": "application/json" };
const asking = (method: string) => ({ "access-control-request-method": method });
const ALLOWED = "access-control-allow-origin";

describe("a page of a listed origin", () => {
  test("is told before a request which methods and headers a path takes, and for how long that holds", async () => {
    for (const [path, methods] of [
      ["/v1/jobs", "GET, POST"],
      [`/v1/jobs/job_${"a".repeat(26)}/events`, "GET"],
      ["/v1/tickets", "POST"],
    ] as const) {
      for (const url of [keyless, keyed]) {
        const { status, headers } = await ask(url + path, "OPTIONS", from(PAGE, asking("POST")));
        expect(status).toBe(204);
        expect(headers).toMatchObject({
          [ALLOWED]: PAGE,
          "access-control-allow-methods": methods,
          "access-control-allow-headers": CORS_REQUEST_HEADERS.join(", "),
          "access-control-max-age": "60",
          vary: "Origin",
        });
      }
    }
  });

  test("submits to a server without keys, and may read where the job is", async () => {
    const { status, headers } = await ask(`${keyless}/v1/jobs`, "POST", from(PAGE, JSON_BODY), SUBMIT);
    expect([status, headers[ALLOWED], headers["access-control-expose-headers"]]).toEqual([
      202,
      PAGE,
      CORS_EXPOSED_HEADERS.join(", "),
    ]);
    expect(headers.location).toMatch(/^\/v1\/jobs\/job_/);
  });

  test.each([
    ["401", "/v1/jobs", "GET", 401],
    ["404 of a path", "/v1/nowhere", "GET", 404],
    ["405", "/healthz", "POST", 405],
    ["400 of a path", "/v1/jobs?limit=0", "GET", 400],
  ] as const)("may read errors, too: a %s", async (_, path, method, expected) => {
    const authorization: Record<string, string> = expected === 401 ? {} : { authorization: "Bearer slc_key" };
    const { status, headers } = await ask(keyed + path, method, from(PAGE, authorization));
    expect([status, headers[ALLOWED]]).toEqual([expected, PAGE]);
  });

  test("does not come in by another name of this machine", async () => {
    const { status } = await ask(`${keyless}/v1/jobs`, "GET", from(PAGE, { host: "evil.example" }));
    expect(status).toBe(421);
  });
});

describe("a page of another origin", () => {
  test("may read nothing", async () => {
    for (const url of [keyless, keyed, off]) {
      const { headers } = await ask(`${url}/healthz`, "GET", from(OTHER));
      expect(headers[ALLOWED]).toBeUndefined();
    }
  });

  test("changes nothing on a server without keys, and is not told that it might", async () => {
    for (const url of [keyless, off]) {
      const submitted = await ask(`${url}/v1/jobs`, "POST", from(OTHER, JSON_BODY), SUBMIT);
      expect([submitted.status, submitted.headers[ALLOWED]]).toEqual([403, undefined]);
      const asked = await ask(`${url}/v1/jobs`, "OPTIONS", from(OTHER, asking("POST")));
      expect([asked.status, asked.headers[ALLOWED]]).toEqual([403, undefined]);
    }
  });

  test.each([`${PAGE}.evil.example`, `${PAGE}:8443`, "http://app.example.org", "null"])(
    "is %s, too, however near it is",
    async (origin) => {
      const { status, headers } = await ask(`${keyless}/v1/jobs`, "POST", from(origin, JSON_BODY), SUBMIT);
      expect([status, headers[ALLOWED]]).toEqual([403, undefined]);
    },
  );

  test("gets no origin from the preflight of a server with keys", async () => {
    const { status, headers } = await ask(`${keyed}/v1/jobs`, "OPTIONS", from(OTHER, asking("POST")));
    expect([status, headers[ALLOWED], headers.vary]).toEqual([204, undefined, "Origin"]);
  });
});

test("all origins may read, where keys are needed, and send no credentials", async () => {
  const { status, headers } = await ask(`${any}/v1/jobs`, "GET", from(OTHER, { authorization: "Bearer slc_key" }));
  expect([status, headers[ALLOWED], headers["access-control-allow-credentials"], headers.vary]).toEqual([
    200,
    "*",
    undefined,
    undefined,
  ]);
});

test("all origins are not let into a server that needs no key", () => {
  const start = () =>
    startEmbedded({ app, resources, logger: silent, dataDir: undefined, cors: { origins: [PAGE, "*"] } });
  expect(start).toThrow(/--cors '\*' would let every web page use this server/);
  const malformed = () =>
    startEmbedded({ app, resources, logger: silent, dataDir: undefined, cors: { origins: [`${PAGE}/`] } });
  expect(malformed).toThrow(/^cors: .*origin as browsers send it/s);
});

test("without the setting OPTIONS is a method like any other", async () => {
  const { status, headers } = await ask(`${off}/v1/jobs`, "OPTIONS", {});
  expect([status, headers.allow]).toEqual([405, "GET, POST"]);
});
