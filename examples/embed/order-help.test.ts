import assert from "node:assert/strict";
import { test } from "node:test";
import { completion, retrieval } from "sluice";
import { fake, runWorkflow } from "sluice/testing";
import { orderHelp } from "./order-help.ts";
import { orderLookup } from "./order-lookup.ts";

const question = "Can I return an opened bag?";
const documents = fake(retrieval, ({ query }) => ({ query, passages: [] }));
const answers = fake(completion, () => ({
  text: "Yes.",
  toolCalls: [],
  finishReason: "stop",
  model: "none",
  usage: {},
}));
const run = (status: string | null) =>
  runWorkflow(
    orderHelp,
    { orderId: "A-1001", question },
    { capabilities: [fake(orderLookup, () => ({ status })), documents, answers] },
  );

test("an answer comes with the order's status", async () => {
  assert.deepEqual((await run("sent")).result, { status: "sent", answer: "Yes." });
});

test("no model is asked about an order that is not there", async () => {
  const job = await run(null);
  assert.deepEqual(job.result, { status: null, answer: "There is no order A-1001." });
});
