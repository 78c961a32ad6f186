import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { appFolder, appSource, writeApp } from "./app-files.ts";
import { type Synthesized, synthesize } from "./synthesize.ts";

const MIB = 1_048_576;
const API_FUNCTIONS = [
  "Submit",
  "Jobs",
  "Events",
  "Commands",
  "DeadLetters",
  "Capabilities",
  "OpenApi",
  "Health",
  "AuthorizerFunction",
];

let shipped: Synthesized;
beforeAll(() => {
  shipped = synthesize({ bundled: true });
});

const outDirOf = ({ app }: Synthesized): string => {
  const root = app.stack.node.root as unknown as { readonly outdir: string };
  return root.outdir;
};
/** The hash of the code of each function: what its asset is called. */
const hashesOf = ({ app }: Synthesized): Record<string, string> =>
  Object.fromEntries(
    app
      .ofType("AWS::Lambda::Function")
      .map(({ path, properties }) => [path, properties.Code.S3Key.replace(/\.zip$/, "") as string]),
  );
const bytesOf = (dir: string): number =>
  readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0);
const sizeOf = (synthesized: Synthesized, path: string): number =>
  bytesOf(join(outDirOf(synthesized), `asset.${hashesOf(synthesized)[path]}`));

describe("sizes", () => {
  test.each(API_FUNCTIONS)("of function %s: at most 1.5 MB", (name) => {
    const bytes = sizeOf(shipped, `Sluice/Api/${name}`);
    expect(bytes).toBeGreaterThan(10_000);
    expect(bytes).toBeLessThanOrEqual(1.5 * MIB);
  });

  test("of templates and of what is in them: far from what CloudFormation allows", () => {
    for (const { json, resources, stack } of [shipped.data, shipped.app]) {
      expect(resources.length).toBeLessThan(0.6 * 500);
      expect(Object.keys(json.Outputs).length).toBeLessThan(200 / 2);
      const file = join(outDirOf(shipped), stack.templateFile);
      expect(statSync(file).size).toBeLessThan(MIB / 2);
    }
  });
});

describe("an app that is synthesized twice", () => {
  let path: string;
  let first: Synthesized;
  beforeAll(() => {
    path = writeApp(appSource({ capabilities: { echo: {} } }), appFolder());
    first = synthesize({ bundled: true, context: { app: path } });
  });

  test("is the same to the last byte, in another folder too, whatever lies beside it that nothing imports", () => {
    const elsewhere = writeApp(readFileSync(path, "utf8"), appFolder());
    writeFileSync(join(dirname(elsewhere), "notes.ts"), "export const later = 1;\n");
    const second = synthesize({ bundled: true, context: { app: elsewhere } });
    expect(hashesOf(second)).toEqual(hashesOf(first));
    for (const stack of ["data", "app"] as const) {
      const text = (of: Synthesized) => readFileSync(join(outDirOf(of), of[stack].stack.templateFile), "utf8");
      expect(text(second)).toBe(text(first));
    }
  });

  test("is another deployment when its code changes, of all functions that the app is in", () => {
    writeApp(appSource({ capabilities: { echo: { timeoutMs: 5_000 } } }), dirname(path));
    const other = synthesize({ bundled: true, context: { app: path } });
    const hash = ({ app }: Synthesized): string => app.at("Sluice/Deployment/Number").properties.Hash;
    expect(hash(other)).not.toBe(hash(first));
    const changed = Object.keys(hashesOf(first)).filter((fn) => hashesOf(first)[fn] !== hashesOf(other)[fn]);
    expect(changed).toEqual(
      expect.arrayContaining([
        "Sluice/Api/Submit",
        "Sluice/Pipeline/Capability-echo/Worker",
        "Sluice/Pipeline/Workflow-main/Worker",
        "Sluice/Operations/Reconciler",
      ]),
    );
    expect(changed).not.toContain("Sluice/Api/AuthorizerFunction");
    expect(changed).not.toContain("Sluice/Deployment/Function");
  });
});
