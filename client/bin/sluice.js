#!/usr/bin/env node
import { existsSync } from "node:fs";

/** `sluice`: in the repository its source, by the type stripping of Node 24; in the package what was built of it. */
const source = new URL("../cli/main.ts", import.meta.url);
await import(existsSync(source) ? source.href : new URL("../dist/client/cli/main.js", import.meta.url).href);
