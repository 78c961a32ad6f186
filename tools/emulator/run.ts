import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { accessLines } from "./access-lines.ts";
import type { AccessLine } from "./access-log.ts";
import { ACKNOWLEDGED, NOT_IN_EVERY_RUN } from "./acknowledged-actions.ts";
import { Api } from "./api.ts";
import { CHECKS } from "./checks/all.ts";
import type { Deployment } from "./checks/check.ts";
import { Crashes } from "./crash.ts";
import { showExample } from "./embed-example.ts";
import {
  ACCOUNT,
  clientEnvironment,
  EMULATOR,
  Emulator,
  type EmulatorOptions,
  emulatorVenv,
  REGION,
  recordFileOf,
} from "./emulator.ts";
import { Instance } from "./instance.ts";
import { compare, describeComparison } from "./least-privilege.ts";
import { leftovers } from "./leftovers.ts";
import { CommandError, runCommand, runTool } from "./run-command.ts";
import { withRunningJobs } from "./running-jobs.ts";
import { type Steps, Violations } from "./steps.ts";

const ROOT = join(import.meta.dirname, "../..");
export const CONFORMANCE_APP = "test/conformance/app/sluice.ts";
const CHANGED_APP = "test/conformance/app/changed.ts";
const NOT_THERE = "openai:gpt-5";

/** Everything that is shown on the emulator, in order: what users do, from the first deployment to the last removal. */
export async function runAll(steps: Steps, options: EmulatorOptions): Promise<void> {
  const { port, dir } = options;
  await steps.step("Python environment", async () => (await emulatorVenv()).python);
  const emulator = await startEmulator(steps, options);
  const work = join(dir, "work");
  mkdirSync(work, { recursive: true });
  const dev = new Instance({
    port,
    dir: work,
    stage: "dev",
    name: "conformance",
    app: CONFORMANCE_APP,
    webhooksToLoopback: true,
  });
  try {
    await steps.step("cdk bootstrap", () => bootstrap(options));
    await steps.step("npm run deploy: the suite's app, in dev", () => dev.deploy());
    await showInstance(steps, dev, dir);
    await changeInstance(steps, dev);
    await steps.step("npm run destroy: dev leaves nothing behind", async () => {
      await dev.destroy();
      violated((await leftovers()).map((left) => `left: ${left}`));
    });
    await keepData(steps, new Instance({ port, dir: work, stage: "prod" }));
    await steps.step(
      "examples/embed: a user's own CDK app with the packed package; its worker without a permission, and with it",
      () => ownApp(port),
    );
  } finally {
    await emulator.stop();
  }
}

async function startEmulator(steps: Steps, options: EmulatorOptions): Promise<Emulator> {
  let started: Emulator | undefined;
  await steps.step(`start ${EMULATOR}, IAM enforced`, async () => {
    started = await Emulator.start(options);
    return started.url;
  });
  if (started === undefined) throw new Error("unreachable: the step has thrown");
  return started;
}

export async function bootstrap({ port, dir }: EmulatorOptions): Promise<void> {
  // In a folder without an app, which it needs none of.
  const options = { env: clientEnvironment(port), cwd: dir };
  await runCommand(
    join(ROOT, "node_modules/.bin/cdk"),
    ["bootstrap", `aws://${ACCOUNT}/${REGION}`, "--no-notices"],
    options,
  );
}

/** What is there after a deployment, and that it works. */
export async function showInstance(steps: Steps, instance: Instance, dir: string): Promise<void> {
  const recordFile = recordFileOf(dir);
  await steps.step("what the templates promise is there", async () => {
    const deployment = await instance.deployment();
    violated(await checkPromises(deployment));
    return `${CHECKS.length} checks of ${deployment.resources.length} resources`;
  });
  await steps.step("npm run smoke: an analysis, from API Gateway to its cited answer", async () => {
    const output = await tolerant(runTool("smoke", ["--outputs", instance.outputsFile], { env: instance.env }));
    return output.trim();
  });
  await steps.step("npm run conformance", async () => {
    const json = join(dir, "conformance.json");
    const flags = ["--outputs", instance.outputsFile, "--target", "emulator", "--json", json];
    const output = await tolerant(runTool("conformance", flags, { env: instance.env }));
    return output.trim();
  });
  await steps.step("least privilege: what functions did, and what their roles allow", async () => {
    const lines = await accessLines(await instance.deployment(), recordFile);
    violated(checkRoles(lines));
    const calls = lines.filter(({ kind }) => kind === "call").length;
    return `${calls} calls of ${lines.filter(({ kind }) => kind === "role").length} roles: none denied, no right unused`;
  });
}

/** What is not as the templates promise, a line each. */
export async function checkPromises(deployment: Deployment): Promise<string[]> {
  const found = CHECKS.map(async ({ what, violations }) =>
    (await violations(deployment).catch((error: Error) => [error.message])).map((line) => `${what}: ${line}`),
  );
  return (await Promise.all(found)).flat();
}

/** What roles allow or refuse and should not, a line each. */
export function checkRoles(lines: readonly AccessLine[]): string[] {
  const compared = compare(lines, [...ACKNOWLEDGED, ...NOT_IN_EVERY_RUN]);
  const stale = compared.staleAcknowledgements.filter((note) => ACKNOWLEDGED.includes(note));
  return describeComparison({ ...compared, staleAcknowledgements: stale });
}

async function changeInstance(steps: Steps, dev: Instance): Promise<void> {
  let api: Api;
  let crashes: Crashes;
  let brokenId = "";
  await steps.step("npm run key", async () => {
    api = await new Api(dev.url, await dev.key("updates")).admitted();
    brokenId = (await api.submit("trial", { mode: "throws", text: "repaired" })).id;
  });
  await steps.step("npm run deploy: changed workflow code and a capability more, while jobs run", async () => {
    const jobs = await withRunningJobs(api, () => dev.deploy({ app: CHANGED_APP }));
    const measured = jobs.filter((job) => job.steps.some(({ id }) => id === "measured")).length;
    violated([
      ...jobs.filter(({ status }) => status !== "completed").map(({ id, status }) => `job ${id} is ${status}`),
      ...(measured === 0 || measured === jobs.length
        ? [`the change is to be seen in ${measured} of ${jobs.length} jobs`]
        : []),
    ]);
    return `${jobs.length} jobs, all completed; ${measured} of them by the changed code`;
  });
  await steps.step(
    "a job that waited for a repair of its workflow is redriven, and done by the changed code",
    async () => {
      const before = await api.job(brokenId);
      await api.redrive(brokenId, "@advance");
      const { status } = await api.settled(brokenId);
      violated(
        before.status === "dead-lettered" && status === "completed"
          ? []
          : [`it was ${before.status}, and is ${status}`],
      );
      // What comes of these takes longer than the next deployment.
      crashes = await Crashes.begin(api);
    },
  );
  await steps.step("npm run deploy: a model without its secret fails, and says how to make it", async () => {
    const said = await failure(dev.deploy({ app: CHANGED_APP, model: NOT_THERE }));
    if (!said.includes("aws secretsmanager create-secret")) throw new Violations([`it says: ${said.slice(-2_000)}`]);
  });
  await steps.step("a function's process ends between a model's answer and its record: what that costs", async () => {
    await using begun = crashes;
    return await begun.judge();
  });
  await steps.step("npm run deploy: the capability goes again, in one deployment", async () => {
    await dev.deploy();
    const job = await api.settled((await api.submit("trial", { mode: "fails-once", text: "after all" })).id);
    violated(job.status === "completed" ? [] : [`job ${job.id} is ${job.status}`]);
    const left = (await dev.deployment()).functions.filter(({ path }) => path.includes("measure"));
    violated(left.map(({ path }) => `left: ${path}`));
  });
}

/** Outside of this folder, whose packages it must not find. */
async function ownApp(port: number): Promise<string> {
  const dir = mkdtempSync(join(tmpdir(), "sluice-embed-"));
  const remove = (): void => rmSync(dir, { recursive: true, force: true });
  // Also when a signal ends the run, which comes to no finally.
  process.once("exit", remove);
  try {
    return await showExample({ env: clientEnvironment(port), port, dir });
  } finally {
    process.off("exit", remove);
    remove();
  }
}

async function keepData(steps: Steps, prod: Instance): Promise<void> {
  let [key, id] = ["", ""];
  await steps.step(
    "npm run doctor: a new account has no role for API Gateway's logs, and it says how to make it",
    async () => {
      const said = await failure(prod.doctor());
      if (!said.includes("FAIL  account role") || !said.includes("-c createApiGatewayAccountRole=true")) {
        throw new Violations([said]);
      }
    },
  );
  await steps.step("npm run deploy: prod", async () => {
    await prod.deploy({ createApiGatewayAccountRole: "true" });
    const said = await prod.doctor();
    violated(said.split("\n").filter((line) => line.startsWith("FAIL")));
    key = await prod.key("kept");
    await new Api(prod.url, key).admitted();
  });
  await steps.step("an analysis, in prod", async () => {
    const api = new Api(prod.url, key);
    id = (await api.submit("analysis", { query: "How are SQS queues encrypted by default?" })).id;
    const { status } = await api.settled(id);
    violated(status === "completed" ? [] : [`job ${id} is ${status}`]);
  });
  await steps.step("npm run destroy: prod keeps its data", async () => {
    await prod.destroy();
    const kinds = new Set((await leftovers()).map((left) => left.split(" ")[0]));
    const missing = ["table", "bucket", "bus", "archive", "secret"].filter((kind) => !kinds.has(kind));
    const left = ["function", "queue", "api", "mapping", "alarm"].filter((kind) => kinds.has(kind));
    violated([...missing.map((kind) => `gone: ${kind}`), ...left.map((kind) => `left: ${kind}`)]);
  });
  await steps.step("npm run deploy: prod again, with the job and the key that were there", async () => {
    await prod.deploy();
    const { status } = await new Api(prod.url, key).job(id);
    violated(status === "completed" ? [] : [`job ${id} is ${status}`]);
  });
}

function violated(lines: readonly string[]): void {
  if (lines.length > 0) throw new Violations(lines);
}

/** A tool that ends with an error is a finding, not the end of the run. */
async function tolerant(run: Promise<string>): Promise<string> {
  try {
    return await run;
  } catch (error) {
    if (error instanceof CommandError) throw new Violations([error.message]);
    throw error;
  }
}

async function failure(run: Promise<unknown>): Promise<string> {
  try {
    await run;
  } catch (error) {
    if (error instanceof CommandError) return error.output;
    throw error;
  }
  throw new Violations(["it was done"]);
}
