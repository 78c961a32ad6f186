import { readFileSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { startsAndRunsAJob } from "./embedded-start.ts";
import { INSTALL, packInto } from "./example-folder.ts";
import { exampleSteps } from "./example-steps.ts";
import { faultsOf, hasConstructs } from "./tarball.ts";
import { CDK_FILES, USER_FILES } from "./user-files.ts";
import { UserFolder } from "./user-folder.ts";

/**
 * `npm run test:package`: packs the package, installs it into an empty folder, and does there what a user does: an app in
 * TypeScript with its types checked, the embedded host, a test with `runWorkflow`, a CDK app, `examples/embed`. Uses the
 * registry that npm is set to, and npm's cache before it.
 */
const repository = resolve(import.meta.dirname, "../..");
const { devDependencies } = JSON.parse(readFileSync(join(repository, "package.json"), "utf8")) as {
  devDependencies: Record<string, string>;
};
const asHere = (name: string): string => `${name}@${devDependencies[name]}`;
const QUIET_CDK = { AWS_EC2_METADATA_DISABLED: "true", CDK_DISABLE_CLI_TELEMETRY: "true" };

async function main(): Promise<void> {
  const folder = new UserFolder();
  const install = (...what: string[]) => folder.run("npm", [...INSTALL, "--save-exact", ...what]);
  const sluice = join(folder.path, "node_modules/sluice");
  let tarball = "";

  await step("pack", () => {
    tarball = `./${packInto(folder.path)}`;
  });
  folder.write({ ...USER_FILES, "package.json": '{ "name": "users-app", "private": true, "type": "module" }' });
  await step("install", () => install(tarball, ...["zod", "typescript", "@types/node"].map(asHere)));
  const withoutCdk = folder.megabytes("node_modules");
  await step("files of the package", () => {
    const faults = faultsOf(sluice, repository);
    if (faults.length > 0) throw new Error(faults.join("\n"));
  });
  await step("types", () => folder.run(folder.bin("tsc"), ["-p", "."]));
  await step("embedded host", () => startsAndRunsAJob(folder));
  await step("an app that retrieves is told that it has no documents", async () => {
    const args = ["--app", "retrieves.ts", "--memory", "--port", "0"];
    const said = await folder.run(folder.bin("sluice-embedded"), args, { status: 1 });
    if (!said.includes("--corpus DIR")) throw new Error(`it says ${said}`);
  });
  await step("tests with runWorkflow", () => folder.run("node", ["--test"]));
  await step("require() of an ES module", () =>
    folder.run("node", ["--input-type=commonjs", "-e", 'require("sluice").defineApp.name; require("sluice/testing")']),
  );
  if (hasConstructs(repository)) {
    await step("install for the CDK", () => install(...["aws-cdk-lib", "constructs", "aws-cdk"].map(asHere)));
    folder.write(CDK_FILES);
    await step("types of the CDK app", () => folder.run(folder.bin("tsc"), ["-p", "."]));
    const env = { ...QUIET_CDK, HOME: folder.path };
    const synth = ["synth", "--quiet", "--no-notices", "--app", "node cdk.ts"];
    await step("cdk synth", async () => {
      await folder.run(folder.bin("cdk"), synth, { env });
      const template = readFileSync(join(folder.path, "cdk.out/Users.template.json"), "utf8");
      if (!template.includes('"AWS::Lambda::Function"')) throw new Error("the template has no function");
    });
    for (const [what, act] of exampleSteps(folder, env)) await step(what, act);
  } else {
    console.log("cdk synth: left out, there is no lib/index.ts");
  }

  const packedKb = (statSync(join(folder.path, tarball)).size / 1e3).toFixed(0);
  const unpackedMb = folder.megabytes("node_modules/sluice").toFixed(1);
  console.log(
    `package: ${packedKb} KB packed, ${unpackedMb} MB unpacked, ${withoutCdk.toFixed(0)} MB installed without the CDK, ` +
      `${folder.megabytes("node_modules").toFixed(0)} MB in the end; ${(performance.now() / 1e3).toFixed(0)} s`,
  );
}

async function step(what: string, act: () => unknown): Promise<void> {
  const begunMs = performance.now();
  try {
    await act();
  } catch (error) {
    throw new Error(`${what}: ${(error as Error).message}`, { cause: error });
  }
  console.log(`${what}: ${((performance.now() - begunMs) / 1e3).toFixed(1)} s`);
}

for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));
await main().catch((error: Error) => {
  console.error(error.message);
  process.exitCode = 1;
});
