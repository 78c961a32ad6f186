import type { APIGatewayProxyEvent, APIGatewayProxyResult, Context } from "aws-lambda";
import { afterEach, describe, expect, test, vi } from "vitest";
import { createHandler } from "../../../lambdas/events/create-handler.ts";
import type { HttpHandler } from "../../../lambdas/http-handler.ts";
import { responseStreaming } from "../../../lambdas/response-streaming.ts";
import { functionClock } from "../../../src/engines/aws/function-clock.ts";
import { awslambda, invokeStreaming } from "../../../src/testing/local-aws/streaming-runtime.ts";
import { jobOfOneStep, TENANT } from "./job-of-one-step.ts";

afterEach(() => vi.unstubAllGlobals());

async function begin() {
  const job = await jobOfOneStep(({ text }) => ({ text }));
  const { limits } = job.runtime;
  const handler = createHandler({ ...job.runtime, places: { limits, most: 2, heldMs: 900_000 } });
  const event = (headers: Record<string, string>, after = "0") => ({
    headers,
    path: "/",
    pathParameters: { jobId: job.jobId },
    queryStringParameters: { after },
    requestContext: { requestId: "r", authorizer: { tenant: TENANT } } as never,
  });
  return { ...job, handler, event };
}

const SSE = { accept: "text/event-stream" };
const seqsOf = (text: string): number[] => [...text.matchAll(/^id: (\d+)$/gm)].map(([, seq]) => Number(seq));

async function all(body: AsyncIterable<string>): Promise<string[]> {
  const chunks: string[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return chunks;
}

describe("where the runtime streams", () => {
  const streaming = (handler: HttpHandler, clock = functionClock) => {
    vi.stubGlobal("awslambda", awslambda);
    return responseStreaming(handler, clock);
  };

  test("events go out as they are committed, and the answer ends with the last", async () => {
    const { handler, event, come, events } = await begin();
    const { status, headers, body, invocation } = await invokeStreaming(streaming(handler), event(SSE));
    expect(status).toBe(200);
    expect(headers).toMatchObject({ "content-type": "text/event-stream" });
    let text = "";
    let worked = false;
    for await (const chunk of body) {
      text += chunk;
      // The job has not ended, and the invocation has not either: this came while both go on.
      if (!worked && seqsOf(text).includes(2)) {
        worked = true;
        await come();
      }
    }
    await invocation;
    expect(seqsOf(text)).toEqual((await events()).map(({ seq }) => seq));
    expect(text).toMatch(/event: job\.completed\ndata: \{.*\}\n\n$/);
  });

  test.each([
    ["a page", {}, 200, "application/json"],
    ["a problem", { ...SSE, "last-event-id": "x" }, 400, "application/problem+json"],
  ])("%s is an answer like any other", async (_, sent, expected, type) => {
    const { handler, event } = await begin();
    const { status, headers, body } = await invokeStreaming(streaming(handler), event(sent));
    expect({ status, type: headers["content-type"] }).toEqual({ status: expected, type });
    expect(JSON.parse((await all(body)).join(""))).toBeTypeOf("object");
  });

  test("an answer without a body has a status all the same", async () => {
    const { handler, event, come, events } = await begin();
    await come();
    const over = String((await events()).length);
    const { status, body, invocation } = await invokeStreaming(
      streaming(handler),
      event({ ...SSE, "last-event-id": over }),
    );
    expect(status).toBe(204);
    expect(await all(body)).toEqual([]);
    await invocation;
  });

  test("it ends in order before the invocation does, and gives its place back", async () => {
    const { handler, event, clock, runtime } = await begin();
    const answer = await invokeStreaming(streaming(handler, clock), event(SSE), 60_000);
    const text = all(answer.body);
    await clock.advance(49_999);
    expect(answer.stream.writableEnded).toBe(false);
    await clock.advance(1);
    await answer.invocation;
    expect(seqsOf((await text).join(""))).toEqual([1, 2]);
    for (let n = 0; n < 2; n++) {
      const entry = { untilMs: clock.now() + 1, most: 2, nowMs: clock.now() };
      expect(await runtime.limits.enter("streams", String(n), entry)).toBe(true);
    }
  });

  test("it lasts for 14 minutes at most, with a sign of life every 15 s", async () => {
    const { handler, event, clock } = await begin();
    const answer = await invokeStreaming(streaming(handler, clock), event(SSE), 900_000);
    const text = all(answer.body);
    await clock.advance(14 * 60_000);
    await answer.invocation;
    const heartbeats = (await text).join("").match(/^:$/gm);
    expect(heartbeats?.length).toBe((14 * 60) / 15 - 1);
  });
});

describe("where it cannot", () => {
  const buffered = async (handler: HttpHandler, event: object): Promise<APIGatewayProxyResult> => {
    const answer = responseStreaming(handler, functionClock) as (
      event: APIGatewayProxyEvent,
      context: Context,
    ) => Promise<APIGatewayProxyResult>;
    return answer(event as APIGatewayProxyEvent, {} as Context);
  };

  test("a reader gets what there is, and goes on when it comes back", async () => {
    const { handler, event, come, events } = await begin();
    const first = await buffered(handler, event(SSE));
    expect({ status: first.statusCode, seqs: seqsOf(first.body) }).toEqual({ status: 200, seqs: [1, 2] });
    expect(first).not.toHaveProperty("stream");
    await come();
    const second = await buffered(handler, event({ ...SSE, "last-event-id": "2" }));
    expect([...seqsOf(first.body), ...seqsOf(second.body)]).toEqual((await events()).map(({ seq }) => seq));
    const last = await buffered(handler, event({ ...SSE, "last-event-id": String((await events()).length) }));
    expect(last.statusCode).toBe(204);
  });
});
