import { calculator, completion, defineApp, readDocument, retrieval, tool } from "../src/index.ts";
import { analysis } from "./workflows/analysis.ts";

/** What runs here: replace it by your own. Importing it has no side effects. */
export default defineApp({
  workflows: [analysis],
  capabilities: [retrieval, completion, tool],
  tools: [calculator, readDocument],
});
