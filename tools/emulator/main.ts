import { join } from "node:path";
import { parseArgs } from "node:util";
import { parseOrExplain } from "../command-line.ts";
import { checkJsonFile, writeJson } from "../json-file.ts";
import { UsageError } from "../read-outputs.ts";
import { clientEnvironment, DEFAULT_PORT, EMULATOR } from "./emulator.ts";
import { Steps } from "./steps.ts";

/** `npm run emulator`: the stacks on an AWS emulator that we did not write. docs/emulator.md */
const USAGE = `Usage: npm run emulator                 everything, from the first deployment to the last removal
       npm run emulator -- up           starts it and deploys, for work by hand; says how to call it
       npm run emulator -- test         looks at what is up: checks, smoke, conformance, least privilege
       npm run emulator -- down         ends it
       npm run emulator -- faults       plants one fault at a time, and sees the run go red
       npm run emulator -- measure FILE   writes what jobs do, for npm run cost -- --measured FILE

  --port N      of 127.0.0.1 (default ${DEFAULT_PORT})
  --app FILE    what \`up\` deploys (default the conformance suite's app)
  --json FILE   writes steps and figures`;

const DIR = join(import.meta.dirname, "../../node_modules/.cache/sluice-emulator");
const COMMANDS = ["run", "up", "test", "down", "faults", "measure"] as const;

async function main(): Promise<void> {
  const { command, file, port, app, json, help } = flags();
  if (help) return console.log(USAGE);
  // The SDK of this process, and of all that it starts.
  for (const name of Object.keys(process.env)) if (/^(AWS_|CDK_)/.test(name)) delete process.env[name];
  Object.assign(process.env, clientEnvironment(port));
  const steps = new Steps();
  const options = { port, dir: join(DIR, String(port)) };
  try {
    switch (command) {
      case "run":
        await (await import("./run.ts")).runAll(steps, options);
        break;
      case "up":
        await (await import("./by-hand.ts")).up(steps, options, app);
        break;
      case "test":
        await (await import("./by-hand.ts")).test(steps, options);
        break;
      case "down":
        await (await import("./by-hand.ts")).down(options);
        break;
      case "faults":
        await (await import("./faults.ts")).runFaults(steps, options);
        break;
      case "measure":
        await (await import("./measure.ts")).measure(steps, options, file);
        break;
    }
  } catch (error) {
    // What has ended the run in a step was said with it.
    if (!steps.results.some(({ outcome }) => outcome === "ended")) throw error;
  } finally {
    writeJson(json, { date: new Date().toISOString(), emulator: EMULATOR, steps: steps.results });
    if (command === "run" || command === "faults") console.log(`\n${steps.table()}`);
  }
  process.exitCode = steps.red ? 1 : 0;
}

function flags() {
  const options = {
    port: { type: "string" },
    app: { type: "string" },
    json: { type: "string" },
    help: { type: "boolean" },
  } as const;
  const { values, positionals } = parseOrExplain(() => parseArgs({ allowPositionals: true, options }), USAGE);
  const [name = "run", file = "", ...more] = positionals;
  const command = COMMANDS.find((known) => known === name);
  if (command === undefined || more.length > 0 || (file === "") === (command === "measure")) {
    throw new UsageError(`there is no ${JSON.stringify(positionals.join(" "))}\n\n${USAGE}`);
  }
  const port = Number(values.port ?? DEFAULT_PORT);
  if (!Number.isInteger(port) || port < 1_024 || port > 65_535) {
    throw new UsageError(`--port must be a whole number from 1024 to 65535; got ${JSON.stringify(values.port)}`);
  }
  checkJsonFile(values.json);
  return { ...values, command, file, port };
}

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  // The emulator ends with this process, and all that it started with it.
  process.once(signal, () => process.exit(1));
}
main().then(
  () => process.exit(),
  (error: Error) => {
    console.error(error instanceof UsageError ? error.message : (error.stack ?? error.message));
    process.exit(1);
  },
);
