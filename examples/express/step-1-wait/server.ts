import type { AddressInfo } from "node:net";
import express from "express";
import { questionIn } from "../analysis/question-in.ts";
import { keyOf, submit } from "./submit.ts";

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

const server = app.listen(Number(process.env.PORT ?? 3000), "127.0.0.1", () => {
  console.log(`the service listens on http://127.0.0.1:${(server.address() as AddressInfo).port}`);
});
