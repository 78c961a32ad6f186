import { expect, test } from "vitest";
import type { WebhookDelivery } from "../../src/contract/webhooks.ts";
import { startReceiver } from "../channels/webhook-receiver.ts";
import { Caller, FAULTY_APP, ServerProcess, temporaryFolder } from "./server.ts";

const deliveriesOf = async (caller: Caller, jobId: string): Promise<WebhookDelivery[]> => {
  const response = await caller.get(`/v1/jobs/${jobId}/webhooks`);
  return ((await response.json()) as { deliveries: WebhookDelivery[] }).deliveries;
};

async function delivered(caller: Caller, jobId: string): Promise<WebhookDelivery> {
  for (;;) {
    const [delivery] = await deliveriesOf(caller, jobId);
    if (delivery?.status === "delivered") return delivery;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

test("a process that is killed between sending and recording sends again at its next start: at least once", async () => {
  using folder = temporaryFolder();
  const flags = ["--data", folder.path, "--app", FAULTY_APP, "--webhooks-to-loopback"];
  let server = await ServerProcess.start(...flags);
  // The first request is held: its sender dies while it waits for the answer.
  await using receiver = await startReceiver((response, n) => {
    if (n > 1) response.writeHead(200).end();
  });
  try {
    const caller = new Caller(server.url);
    const options = { webhook: { url: `${receiver.url}/held` } };
    const response = await caller.post({ workflow: "echoes", input: { text: "x" }, options });
    const { id } = (await response.json()) as { id: string };
    await receiver.until("/held", 1);
    await server.stop("SIGKILL");
    server = await ServerProcess.start(...flags);
    const delivery = await delivered(new Caller(server.url), id);
    expect(delivery.attempts).toMatchObject([
      { attempt: 1, error: expect.stringContaining("its sender ended") },
      { attempt: 2, status: 200 },
    ]);
    const [first, second] = receiver.at("/held");
    expect(second?.headers["webhook-id"]).toBe(first?.headers["webhook-id"]);
    expect(second?.body).toBe(first?.body);
  } finally {
    await server.stop("SIGKILL");
  }
});

test("without the flag, a webhook to this machine is refused before anything is written", async () => {
  const server = await ServerProcess.start("--memory", "--app", FAULTY_APP);
  try {
    const options = { webhook: { url: "http://127.0.0.1:1/" } };
    const response = await new Caller(server.url).post({ workflow: "echoes", input: { text: "x" }, options });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ errors: [{ path: "/options/webhook/url" }] });
  } finally {
    await server.stop("SIGKILL");
  }
});
