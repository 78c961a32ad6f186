import type { APIGatewayProxyEvent, Context } from "aws-lambda";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { z } from "zod";
import { createHandler as createEvents } from "../../lambdas/events/create-handler.ts";
import { responseStreaming } from "../../lambdas/response-streaming.ts";
import { createHandler as createSubmit } from "../../lambdas/submit/create-handler.ts";
import { untilAnswered } from "../../lambdas/until-answered.ts";
import type { JobView } from "../../src/contract/api.ts";
import { defineApp } from "../../src/core/define-app.ts";
import { defineCapability } from "../../src/core/define-capability.ts";
import { defineWorkflow } from "../../src/core/define-workflow.ts";
import type { Resources } from "../../src/core/resources.ts";
import { functionClock } from "../../src/engines/aws/function-clock.ts";
import { deployLocally, type LocalDeployment } from "../../src/testing/local-aws/local-deployment.ts";
import { awslambda, invokeStreaming } from "../../src/testing/local-aws/streaming-runtime.ts";

const Text = z.object({ text: z.string() });
const echo = defineCapability({ name: "echo", input: Text, output: Text, run: (input) => input });
const chain = defineWorkflow({
  name: "chain",
  input: Text,
  output: Text,
  async run(job, input) {
    await job.step("first", echo, input);
    return job.step("second", echo, input);
  },
});

let deployment: LocalDeployment;
beforeEach(async () => {
  deployment = await deployLocally({
    app: defineApp({ workflows: [chain], capabilities: [echo] }),
    resources: {} as Resources,
  });
});
afterEach(async () => {
  vi.unstubAllGlobals();
  await deployment.close();
});

const requestContext = { requestId: "r", path: "/v1/jobs", authorizer: { tenant: "acme" } };

/** The function that shows events, as Lambda's managed runtime has it, with so many places in the table. */
function eventsFunction(most: number) {
  vi.stubGlobal("awslambda", awslambda);
  const runtime = deployment.newRuntime();
  const places = { limits: runtime.limits, most, heldMs: 60_000 };
  const handler = responseStreaming(createEvents({ ...runtime, places }), functionClock);
  return (jobId: string, headers: Record<string, string> = {}) =>
    invokeStreaming(handler, {
      headers: { accept: "text/event-stream", ...headers },
      path: "/",
      pathParameters: { jobId },
      requestContext: requestContext as never,
    });
}

test("events of a running job reach a reader of another function, chunk by chunk, to the last", async () => {
  const { body: job } = await deployment.submit("chain", { text: "x" });
  const { status, body } = await eventsFunction(1)(job.id);
  expect(status).toBe(200);
  let text = "";
  let started = false;
  for await (const chunk of body) {
    text += chunk;
    if (!started && text.includes("event: step.requested")) {
      started = true;
      deployment.startWorkers();
    }
  }
  const { events } = (await deployment.events(job.id)).body;
  const told = [...text.matchAll(/^data: (.*)$/gm)].map(([, data = ""]) => JSON.parse(data) as unknown);
  expect(told).toEqual(events);
  expect(events.at(-1)?.type).toBe("job.completed");
});

test("places are counted over all functions", async () => {
  const { body: job } = await deployment.submit("chain", { text: "x" });
  const first = await eventsFunction(1)(job.id);
  const refused = await eventsFunction(1)(job.id);
  expect(refused.status).toBe(503);
  deployment.startWorkers();
  for await (const _ of first.body);
  await first.invocation;
  const { seq } = await deployment.ended(job.id);
  expect((await eventsFunction(1)(job.id, { "last-event-id": String(seq - 1) })).status).toBe(200);
});

/** The function that accepts jobs. */
const submitWaiting = (prefer: string, waits: number) =>
  untilAnswered(createSubmit({ ...deployment.newRuntime(), readers: { streams: 0, waits } }), functionClock)(
    {
      resource: "/v1/jobs",
      headers: { "content-type": "application/json", prefer },
      body: JSON.stringify({ workflow: "chain", input: { text: "x" } }),
      requestContext,
    } as unknown as APIGatewayProxyEvent,
    { getRemainingTimeInMillis: () => 29_000 } as Context,
  );

test("a submission waits for the end of its job, which other functions work on", async () => {
  deployment.startWorkers();
  const { statusCode, headers, body } = await submitWaiting("wait=20", 1);
  expect(statusCode).toBe(200);
  expect(headers).toMatchObject({ "preference-applied": "wait=20" });
  expect(JSON.parse(body) as JobView).toMatchObject({ status: "completed", result: { text: "x" } });
});

test("a submission for which there is no place is answered at once", async () => {
  const { statusCode, headers } = await submitWaiting("wait=20", 0);
  expect(statusCode).toBe(202);
  expect(headers).not.toHaveProperty("preference-applied");
});
