import { completion, defineApp, retrieval } from "sluice";
import { orderHelp } from "./order-help.ts";
import { orderLookup } from "./order-lookup.ts";

/** The app module: `Sluice` bundles it into functions. Importing it has no side effects. */
export default defineApp({
  workflows: [orderHelp],
  capabilities: [orderLookup, retrieval, completion],
  // From where `cdk` runs, which is this folder.
  corpus: "documents",
});
