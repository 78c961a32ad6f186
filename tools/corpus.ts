#!/usr/bin/env node
import { isBuiltin } from "node:module";
import { whyUnsupported } from "../src/host/node-support.ts";

/** `npm run corpus` and `sluice-corpus`. Looks at Node first: the rest imports what an older one does not have. */
const unsupported = whyUnsupported(process.version, { sqlite: isBuiltin("node:sqlite"), typeStripping: true });
if (unsupported === undefined) {
  await import("./push-corpus.ts");
} else {
  console.error(unsupported);
  process.exitCode = 1;
}
