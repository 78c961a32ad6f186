import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { accessLines } from "./access-lines.ts";
import { Emulator, type EmulatorOptions } from "./emulator.ts";
import { Instance } from "./instance.ts";
import { PLANTED_FAULTS, type PlantedFault, type Template } from "./planted-faults.ts";
import { bootstrap, checkPromises, checkRoles } from "./run.ts";
import { CommandError, runTool } from "./run-command.ts";
import { type Steps, Violations } from "./steps.ts";

const SMOKE_WITHIN_S = 20;

/**
 * Deploys the shipped app as it is, and then once with each fault: a step is green where the stack as it is was found right
 * and each fault was found. What found it is told.
 */
export async function runFaults(steps: Steps, options: EmulatorOptions): Promise<void> {
  const work = `${options.dir}.faults`;
  mkdirSync(work, { recursive: true });
  const instance = new Instance({ port: options.port, dir: work, stage: "dev" });
  let unused: readonly string[] = [];
  await steps.step("no fault", async () => {
    const { found, rights } = await findings(instance, options, () => instance.deploy());
    unused = rights;
    if (found.length > 0) throw new Violations(found);
    return "nothing is found";
  });
  const whole = join(work, "cdk.out");
  const assembly = join(work, "faulty.out");
  for (const fault of PLANTED_FAULTS) {
    await steps.step(fault.what, async () => {
      cpSync(whole, assembly, { recursive: true });
      const [data, app] = instance.stacks;
      plant(fault, join(assembly, `${fault.stack === "data" ? data : app}.template.json`));
      const { found, rights } = await findings(instance, options, () => instance.deployAssembly(assembly));
      const all = [...found, ...rights.filter((line) => !unused.includes(line))];
      const naming = all.filter((line) => fault.found.test(line));
      const besides = all.filter((line) => !fault.found.test(line));
      // What names it comes last, where the table of all steps shows it.
      const told = [...besides, ...naming].map((line) => line.split("\n")[0]?.slice(0, 300) ?? "");
      if (naming.length > 0) return told.join("\n");
      throw new Violations(["nothing has found it", ...told]);
    });
  }
}

function plant({ plant: break_ }: PlantedFault, file: string): void {
  const template = JSON.parse(readFileSync(file, "utf8")) as Template;
  const before = JSON.stringify(template);
  break_(template);
  if (JSON.stringify(template) === before) throw new Error(`${file} is the same with the fault`);
  writeFileSync(file, JSON.stringify(template));
}

interface Findings {
  readonly found: readonly string[];
  /** What least privilege says: one job does not use all rights, so that only what is more than without a fault counts. */
  readonly rights: readonly string[];
}

async function findings(instance: Instance, options: EmulatorOptions, deploy: () => Promise<void>): Promise<Findings> {
  const emulator = await Emulator.start(options);
  try {
    await bootstrap(options);
    const undeployed = await output(deploy());
    if (undeployed !== undefined) return { found: [`deploy: ${undeployed}`], rights: [] };
    const deployment = await instance.deployment();
    const promised = await checkPromises(deployment);
    const flags = ["--outputs", instance.outputsFile, "--timeout", String(SMOKE_WITHIN_S)];
    const smoke = await output(runTool("smoke", flags, { env: instance.env }));
    const lines = await accessLines(deployment, emulator.recordFile);
    const rights = checkRoles(lines);
    return {
      found: [...promised.map((line) => `check: ${line}`), ...(smoke === undefined ? [] : [`smoke: ${smoke}`])],
      rights: rights.map((line) => `least privilege: ${line}`),
    };
  } finally {
    await emulator.stop();
  }
}

/** What a command says that fails, its last lines; undefined for one that is done. */
async function output(run: Promise<unknown>): Promise<string | undefined> {
  try {
    await run;
    return undefined;
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    const lines = error.output.split("\n").filter((line) => /fail|error|not |expected/i.test(line));
    return (lines[0] ?? error.output).trim();
  }
}
