#!/usr/bin/env node
import { isBuiltin } from "node:module";
import { whyUnsupported } from "./node-support.ts";

/** `sluice-embedded`. Looks at Node first: the rest imports what an older one does not have. */
const typeStripping = Boolean(process.features.typescript);
const unsupported = whyUnsupported(process.version, { sqlite: isBuiltin("node:sqlite"), typeStripping });
if (unsupported === undefined) {
  await import("./main.ts");
} else {
  console.error(unsupported);
  process.exitCode = 1;
}
