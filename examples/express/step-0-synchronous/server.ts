import type { AddressInfo } from "node:net";
import express from "express";
import { complete } from "../analysis/model.ts";
import { questionIn } from "../analysis/question-in.ts";
import { retrieve } from "../analysis/retrieve.ts";
import { runTool } from "../analysis/tools.ts";

const app = express();
app.use(express.json());

app.post("/analyze", async (request, response) => {
  const question = questionIn(request.body);
  if (question === undefined) {
    response.status(400).json({ error: "question must be a text of 1 to 2000 characters" });
    return;
  }
  try {
    const passages = await retrieve(question);
    const draft = await complete({ question, passages });
    const findings = await Promise.all(draft.toolCalls.map((call) => runTool(call)));
    const answer = findings.length > 0 ? await complete({ question, passages, round: { draft, findings } }) : draft;
    response.json({ answer: answer.text, sources: passages.map(({ path }) => path), findings });
  } catch (error) {
    console.error(error);
    response.status(502).json({ error: "the analysis failed" });
  }
});

const server = app.listen(Number(process.env.PORT ?? 3000), "127.0.0.1", () => {
  console.log(`the service listens on http://127.0.0.1:${(server.address() as AddressInfo).port}`);
});
