import { setTimeout as pause } from "node:timers/promises";
import type { APIGatewayProxyEvent } from "aws-lambda";
import { z } from "zod";
import type { JobView } from "../../../src/contract/api.ts";
import { WEBHOOKS } from "../../../src/contract/messages.ts";
import type { WebhookDelivery } from "../../../src/contract/webhooks.ts";
import { defineApp } from "../../../src/core/define-app.ts";
import { defineCapability } from "../../../src/core/define-capability.ts";
import { defineWorkflow } from "../../../src/core/define-workflow.ts";
import type { Resources } from "../../../src/core/resources.ts";
import { type Embedded, startEmbedded } from "../../../src/host/host.ts";
import { lambdaContext } from "../../../src/host/lambda-context.ts";
import { VirtualClock } from "../../../src/testing/virtual-clock.ts";

const Input = z.object({
  text: z.string(),
  size: z.number().default(0),
  mode: z.enum(["ends", "throws"]).default("ends"),
});
const Output = z.object({ text: z.string() });

const only = defineCapability({
  name: "only",
  input: Input,
  output: Output,
  retry: { maxAttempts: 1 },
  run({ text, size, mode }) {
    if (mode === "throws") throw new Error("no luck");
    return { text: text + "x".repeat(size) };
  },
});
const flow = defineWorkflow({
  name: "flow",
  input: Input,
  output: Output,
  run: (job, input) => job.step("only", only, input),
});
const app = defineApp({ workflows: [flow], capabilities: [only] });
const silent = { debug() {}, info() {}, warn() {}, error() {} };

/** The embedded engine with a clock that stands still, called as its HTTP API is. Attempts to send take real time. */
export interface World extends AsyncDisposable {
  readonly embedded: Embedded;
  readonly clock: VirtualClock;
  call<T>(name: keyof Embedded["handlers"], event: Partial<APIGatewayProxyEvent>): Promise<{ status: number; body: T }>;
  submit(options?: object, input?: object): Promise<JobView>;
  deliveries(jobId: string): Promise<WebhookDelivery[]>;
  resend(jobId: string, webhookId: string): Promise<{ status: number; body: WebhookDelivery }>;
  addEndpoint(url: string, events?: string[]): Promise<{ id: string }>;
  /** Lets time pass until the deliveries of a job are as wanted, a step of it at a time, while attempts are made. */
  late(jobId: string, wanted: (all: WebhookDelivery[]) => boolean, stepMs?: number): Promise<WebhookDelivery[]>;
  deadLetters(): Promise<number>;
}

export function openWorld(options: { dataDir?: string; webhooksToLoopback?: boolean } = {}): World {
  const clock = new VirtualClock();
  const { dataDir, webhooksToLoopback = true } = options;
  const embedded = startEmbedded({
    app,
    resources: {} as Resources,
    logger: silent,
    dataDir,
    clock,
    webhooksToLoopback,
  });
  const world: World = {
    embedded,
    clock,
    async call(name, event) {
      const { method = "GET", ...rest } = event as { method?: string };
      const whole = {
        headers: { "content-type": "application/json" },
        httpMethod: method,
        path: event.resource,
        body: null,
        requestContext: { requestId: "test", authorizer: { tenant: "acme" } },
        ...rest,
      } as unknown as APIGatewayProxyEvent;
      const { statusCode, body } = await embedded.handlers[name](whole, lambdaContext(name, "test", 30_000));
      return { status: statusCode, body: JSON.parse(body) };
    },
    async submit(options, input = {}) {
      const body = JSON.stringify({
        workflow: "flow",
        input: { text: "in", ...input },
        ...(options ? { options } : {}),
      });
      const answer = await world.call<JobView>("submit", { resource: "/v1/jobs", httpMethod: "POST", body });
      if (answer.status !== 202) throw new Error(JSON.stringify(answer.body));
      return answer.body;
    },
    async deliveries(jobId) {
      const resource = "/v1/jobs/{jobId}/webhooks";
      const { body } = await world.call<{ deliveries: WebhookDelivery[] }>("webhook-endpoints", {
        resource,
        pathParameters: { jobId },
      });
      return body.deliveries;
    },
    resend: (jobId, webhookId) =>
      world.call("webhook-endpoints", {
        resource: "/v1/jobs/{jobId}/webhooks/{webhookId}/resend",
        httpMethod: "POST",
        pathParameters: { jobId, webhookId },
      }),
    async addEndpoint(url, events) {
      const body = JSON.stringify({ url, ...(events ? { events } : {}) });
      const answer = await world.call<{ id: string }>("webhook-endpoints", {
        resource: "/v1/webhooks",
        httpMethod: "POST",
        body,
      });
      if (answer.status !== 201) throw new Error(JSON.stringify(answer.body));
      return answer.body;
    },
    async late(jobId, wanted, stepMs = 1_000) {
      for (;;) {
        const all = await world.deliveries(jobId);
        if (wanted(all)) return all;
        if (embedded.isIdle()) await clock.advance(stepMs);
        await pause(1);
      }
    },
    deadLetters: async () => (await embedded.runtime.queue.stats(WEBHOOKS)).deadLetters,
    async [Symbol.asyncDispose]() {
      await embedded.close(0);
    },
  };
  return world;
}
