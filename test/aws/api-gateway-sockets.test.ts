import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { UnavailableError } from "../../src/core/errors.ts";
import { ApiGatewaySockets } from "../../src/engines/aws/api-gateway-sockets.ts";
import { socketsClient } from "../../src/engines/aws/aws-clients.ts";
import { Connections } from "../../src/testing/local-aws/connections.ts";

/** API Gateway's ids have characters that a path has not. */
const ID = "Ab12+/c=";
let connections: Connections;
let endpoint: string;

beforeEach(async () => {
  vi.stubEnv("AWS_REGION", "us-east-1");
  vi.stubEnv("AWS_ACCESS_KEY_ID", "test");
  vi.stubEnv("AWS_SECRET_ACCESS_KEY", "test");
  connections = new Connections();
  endpoint = `${await connections.listen()}/live`;
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await connections.close();
});
const sockets = (): ApiGatewaySockets => new ApiGatewaySockets(socketsClient(endpoint));

test("frames come to their connection, whole and in order", async () => {
  const text = "ä€😀".repeat(3_000);
  for (const n of [1, 2, 3]) expect(await sockets().post(ID, JSON.stringify({ n, text }))).toBe("sent");
  expect(connections.framesOf(ID)).toEqual([1, 2, 3].map((n) => ({ n, text })));
});

test("a connection that is not there any more is gone, for frames and for its end", async () => {
  connections.hangUp(ID);
  expect(await sockets().post(ID, "{}")).toBe("gone");
  await sockets().close(ID);
  expect(connections.framesOf(ID)).toEqual([]);
});

test("a connection that is closed is gone", async () => {
  await sockets().close(ID);
  expect(connections.isGone(ID)).toBe(true);
  expect(await sockets().post(ID, "{}")).toBe("gone");
});

test("what is refused for a moment is sent again", async () => {
  connections.refuseNext({ status: 429, error: "LimitExceededException" }, { status: 500, error: "InternalFailure" });
  expect(await sockets().post(ID, '{"n":1}')).toBe("sent");
  expect(connections.framesOf(ID)).toEqual([{ n: 1 }]);
  expect(connections.requests).toBe(3);
});

test("what a connection's limits refuse four times is refused; the service's own failure may pass, and others never", async () => {
  connections.refuseNext(...Array.from({ length: 4 }, () => ({ status: 429, error: "LimitExceededException" })));
  const patient = new ApiGatewaySockets(socketsClient(endpoint), { takenWithinMs: 60_000 });
  expect(await patient.post(ID, "{}")).toBe("refused");
  expect(connections.requests).toBe(4);
  connections.refuseNext(...Array.from({ length: 4 }, () => ({ status: 500, error: "InternalFailure" })));
  await expect(sockets().post(ID, "{}")).rejects.toBeInstanceOf(UnavailableError);
  connections.refuseNext({ status: 413, error: "PayloadTooLargeException" });
  await expect(sockets().post(ID, "{}")).rejects.not.toBeInstanceOf(UnavailableError);
});

test("what a connection does not take in its time is refused, and others are sent theirs", async () => {
  const release = connections.hold(ID);
  const impatient = new ApiGatewaySockets(socketsClient(endpoint), { takenWithinMs: 200 });
  expect(await impatient.post(ID, "{}")).toBe("refused");
  expect(await impatient.post("other", '{"n":1}')).toBe("sent");
  release();
});

test("a service that is not there fails", async () => {
  const nowhere = new ApiGatewaySockets(socketsClient("http://127.0.0.1:1"));
  await expect(nowhere.post(ID, "{}")).rejects.toBeInstanceOf(UnavailableError);
});

test("what is worth sending now or not at all is sent once", async () => {
  connections.refuseNext({ status: 500, error: "InternalFailure" });
  const once = new ApiGatewaySockets(socketsClient(endpoint, { once: true }));
  await expect(once.post(ID, "{}")).rejects.toBeInstanceOf(UnavailableError);
  expect(connections.requests).toBe(1);
});
