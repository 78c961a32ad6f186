import type { AddressInfo } from "node:net";
import express from "express";
import { questionIn } from "../analysis/question-in.ts";
import { keyOf, submit } from "../step-1-wait/submit.ts";
import { relay } from "./relay.ts";

/** Less than what stands in front gives a request: API Gateway's usual limit is 29 s. */
const WAIT_S = Number(process.env.WAIT_S ?? 20);

const app = express();
app.use(express.json());

app.post("/analyze", async (request, response) => {
  const question = questionIn(request.body);
  if (question === undefined) {
    response.status(400).json({ error: "question must be a text of 1 to 2000 characters" });
    return;
  }
  const job = await submit(question, keyOf(request, question), WAIT_S);
  switch (job?.status) {
    case "completed":
      response.json(job.result);
      return;
    case "failed":
    case "expired":
    case "cancelled":
    case "dead-lettered":
    case "refused":
      console.error("the analysis failed:", job.status, job.id ?? "");
      response.status(502).json({ error: "the analysis failed" });
      return;
    default:
      // The job goes on. An old client knows 503, and its repeat finds the same job.
      response.status(503).set("retry-after", "1").json({ error: "not done yet: send the same request again" });
  }
});

app.post("/analyses", async (request, response) => {
  const question = questionIn(request.body);
  if (question === undefined) {
    response.status(400).json({ error: "question must be a text of 1 to 2000 characters" });
    return;
  }
  const job = await submit(question, keyOf(request, question), 0);
  if (job === undefined) {
    response.status(503).set("retry-after", "1").json({ error: "send the same request again" });
    return;
  }
  if (job.status === "refused") {
    response.status(502).json({ error: "the analysis failed" });
    return;
  }
  response
    .status(202)
    .location(`/analyses/${job.id}`)
    .json({ id: job.id, events: `/analyses/${job.id}/events` });
});

app.get("/analyses/:id", (request, response) => relay(request, response, ""));
app.get("/analyses/:id/events", (request, response) => relay(request, response, "/events"));

const server = app.listen(Number(process.env.PORT ?? 3000), "127.0.0.1", () => {
  console.log(`the service listens on http://127.0.0.1:${(server.address() as AddressInfo).port}`);
});
