import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { expect, test } from "vitest";
import { temporaryFolder } from "../server.ts";

const ROOT = resolve(import.meta.dirname, "../../..");

/** `examples/embed` is checked as its users have it, by `npm run test:package`. */
test.each(["express", "fastapi/sluice", "slow-model"])("the types of examples/%s fit the package's", (folder) => {
  using temporary = temporaryFolder();
  const config = {
    extends: join(ROOT, "tsconfig.json"),
    compilerOptions: {
      paths: { sluice: [join(ROOT, "src/index.ts")] },
      typeRoots: [join(ROOT, "node_modules/@types")],
    },
    include: [join(ROOT, "examples", folder, "**/*.ts")],
  };
  const file = join(temporary.path, "tsconfig.json");
  writeFileSync(file, JSON.stringify(config));
  const { stdout, status } = spawnSync(join(ROOT, "node_modules/.bin/tsc"), ["-p", file], { encoding: "utf8" });
  expect({ stdout, status }).toEqual({ stdout: "", status: 0 });
});
