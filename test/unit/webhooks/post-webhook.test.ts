import { execFile } from "node:child_process";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { createServer as createTcpServer } from "node:net";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { type PostOptions, postWebhook, type Resolve } from "../../../lambdas/webhooks/post-webhook.ts";
import { type Answer, startReceiver } from "../../channels/webhook-receiver.ts";

const NOW_MS = Date.UTC(2030, 0, 1);
const post = (url: string, more: Partial<PostOptions> = {}) =>
  postWebhook(
    { url, headers: { "content-type": "application/json" }, body: "{}" },
    { timeoutMs: 5_000, nowMs: NOW_MS, allowLoopback: true, ...more },
  );
const resolvesTo =
  (...addresses: string[]): Resolve =>
  (_, __, callback) =>
    callback(
      null,
      addresses.map((address) => ({ address, family: address.includes(":") ? 6 : 4 })),
    );

test("a receiver that hangs is given up after the time it has", async () => {
  await using receiver = await startReceiver(() => {});
  expect(await post(`${receiver.url}/hangs`, { timeoutMs: 100 })).toEqual({
    error: "no answer within 100 ms",
    latencyMs: expect.any(Number),
  });
});

test("one that accepts the connection and never speaks, too", async () => {
  const server = createTcpServer(() => {});
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const outcome = await post(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`, { timeoutMs: 100 });
  expect(outcome.error).toBe("no answer within 100 ms");
  server.close();
});

test("one that switches to another protocol, which nobody has asked for, has not answered", async () => {
  const server = createTcpServer((socket) => {
    socket.once("data", () =>
      socket.write("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n"),
    );
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const outcome = await post(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  expect(outcome).toEqual({ error: "the connection ended without an answer", latencyMs: expect.any(Number) });
  server.close();
});

test("of an answer of 1 GB hardly anything is read: its status counts, and the connection is cut", async () => {
  const chunk = Buffer.alloc(1_048_576);
  let sent = 0;
  const closed = Promise.withResolvers<void>();
  const endless: Answer = (response) => {
    response.writeHead(200, { "content-length": String(1_024 * chunk.length) });
    response.on("close", () => closed.resolve());
    const more = (): void => {
      while (!response.destroyed && sent < 1_024) {
        sent += 1;
        if (!response.write(chunk)) break;
      }
      if (sent === 1_024) response.end();
      else response.once("drain", more);
    };
    more();
  };
  await using receiver = await startReceiver(endless);
  expect(await post(`${receiver.url}/endless`)).toMatchObject({ status: 200 });
  await closed.promise;
  // What the kernel had buffered between the two.
  expect(sent).toBeLessThan(32);
});

test("an answer that trickles for ever is cut off; its status counts", async () => {
  await using receiver = await startReceiver((response) => {
    response.writeHead(202);
    response.write("x");
  });
  expect(await post(`${receiver.url}/trickles`, { timeoutMs: 200 })).toMatchObject({ status: 202 });
});

test("Retry-After is read of 429 and 503, in seconds or as a date, and of nothing else", async () => {
  const answers: [number, string][] = [
    [429, "7"],
    [503, new Date(NOW_MS + 60_000).toUTCString()],
    [503, new Date(NOW_MS - 60_000).toUTCString()],
    [503, "soon"],
    [500, "7"],
    [200, "7"],
  ];
  await using receiver = await startReceiver((response, n) => {
    const [status, retryAfter] = answers[n - 1] ?? [500, ""];
    response.writeHead(status, { "retry-after": retryAfter }).end();
  });
  const seen: unknown[] = [];
  for (const _ of answers) seen.push((await post(`${receiver.url}/`)).retryAfterMs);
  expect(seen).toEqual([7_000, 60_000, undefined, undefined, undefined, undefined]);
});

test.each([301, 302, 303, 307, 308])("a redirect by %i is not followed", async (status) => {
  await using private_ = await startReceiver();
  await using receiver = await startReceiver((response) =>
    response.writeHead(status, { location: `${private_.url}/private` }).end(),
  );
  expect(await post(`${receiver.url}/moved`)).toMatchObject({ status });
  expect(private_.received).toEqual([]);
});

test("a name that leads to a private address is refused when it is looked up, whatever else it leads to", async () => {
  await using receiver = await startReceiver();
  const { port } = new URL(receiver.url);
  for (const addresses of [["127.0.0.1"], ["8.8.8.8", "127.0.0.1"], ["::ffff:127.0.0.1"], ["169.254.169.254"], []]) {
    const outcome = await post(`https://hooks.example.com:${port}/`, { resolve: resolvesTo(...addresses) });
    expect([addresses, outcome.status, outcome.error]).toEqual([
      addresses,
      undefined,
      expect.stringMatching(/not an address of the public internet|has no address/),
    ]);
  }
  expect(receiver.received).toEqual([]);
});

test("the address that was checked is the one that is connected to: a name is looked up once", async () => {
  await using receiver = await startReceiver();
  let looks = 0;
  const rebinds: Resolve = (hostname, options, callback) => {
    looks += 1;
    // A second look would lead elsewhere.
    resolvesTo(looks === 1 ? "127.0.0.1" : "10.0.0.1")(hostname, options, callback);
  };
  const outcome = await post(`http://localhost:${new URL(receiver.url).port}/`, { resolve: rebinds });
  expect([outcome.status, looks]).toEqual([204, 1]);
});

test("localhost that leads elsewhere is not this machine", async () => {
  const outcome = await post("http://localhost:1/", { resolve: resolvesTo("10.0.0.1") });
  expect(outcome.error).toContain("10.0.0.1 is not this machine");
});

test("a URL that is refused is not called, though it was taken once", async () => {
  await using receiver = await startReceiver();
  expect((await post(`${receiver.url}/`, { allowLoopback: false })).error).toContain("must begin with https://");
  expect(receiver.received).toEqual([]);
});

test("nobody listens: the outcome says so", async () => {
  expect((await post("http://127.0.0.1:9/")).error).toContain("ECONNREFUSED");
});

test("no proxy of the environment is used, and no certificate check can be switched off there", async () => {
  await using proxy = await startReceiver((response) => response.writeHead(418).end());
  await using receiver = await startReceiver();
  const script = `import { postWebhook } from "./lambdas/webhooks/post-webhook.ts";
    const options = { timeoutMs: 3000, nowMs: 0, allowLoopback: true };
    console.log(JSON.stringify(await postWebhook({ url: process.argv[1], headers: {}, body: "{}" }, options)));`;
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ["--input-type=module", "-e", script, `${receiver.url}/direct`],
    {
      env: {
        ...process.env,
        NODE_USE_ENV_PROXY: "1",
        HTTP_PROXY: proxy.url,
        HTTPS_PROXY: proxy.url,
        NO_PROXY: "",
      },
    },
  );
  expect(JSON.parse(stdout)).toMatchObject({ status: 204 });
  expect(proxy.received).toEqual([]);
  expect(receiver.at("/direct")).toHaveLength(1);
});
