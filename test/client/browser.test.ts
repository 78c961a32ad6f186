import { build } from "esbuild";
import { expect, test } from "vitest";

test("the client can be bundled for a browser: it asks nothing of Node, and brings neither zod nor the server along", async () => {
  const { metafile, warnings } = await build({
    entryPoints: ["client/index.ts"],
    bundle: true,
    format: "esm",
    platform: "browser",
    target: "es2022",
    metafile: true,
    preserveSymlinks: true,
    write: false,
  });
  expect(warnings).toEqual([]);
  const inputs = Object.keys(metafile.inputs).filter((path) => !path.startsWith("client/"));
  expect(inputs).toEqual(["node_modules/eventsource-parser/dist/index.js"]);
});
