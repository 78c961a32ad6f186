import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { formatTable, type Table } from "../../bench/report.ts";
import { parseOrExplain } from "../command-line.ts";
import { checkJsonFile, writeJson } from "../json-file.ts";
import { UsageError } from "../read-outputs.ts";
import { type CostReport, costAtRest, costOfJobs } from "./cost.ts";
import { countRuns } from "./count-runs.ts";
import { type Measurement, readMeasurement } from "./measurement.ts";
import { loadPrices } from "./prices.ts";
import { readRuns } from "./raw-lines.ts";

/** `npm run cost`: what jobs cost on AWS, how fast they are there, and what nothing costs, from counts that were measured. */
const MEASURED = join(import.meta.dirname, "measured");
const IMAGES = join(import.meta.dirname, "../../docs/images");
const USAGE = `Usage: npm run cost -- [--jobs N] [--workflow NAME] [--region REGION] [--wait SECONDS] [--json FILE] [--plots]
       npm run cost -- --measured FILE [--measured FILE] [--save]

  --jobs N          so many jobs a month, such as 1e6 (default); 0: a month at rest
  --workflow NAME   which measured workflow (default analysis): ${workflows().join(", ")}
  --region REGION   whose prices (default us-east-1)
  --wait SECONDS    how long a model takes to answer (default 20)
  --json FILE       write all figures there, too
  --plots           write docs/images/*.svg
  --measured FILE   use these raw lines in place of what is kept in tools/cost/measured
  --save            keep their averages there`;

function main(): void {
  const { jobs, workflow, region, wait, json, plots, measured, save } = flags();
  const prices = loadPrices(region);
  const measurement = measured.length > 0 ? countRuns(measured.flatMap(readRuns)) : kept(workflow);
  if (save) {
    const file = join(MEASURED, `${measurement.workflow}.json`);
    writeFileSync(file, `${JSON.stringify(measurement, null, 2)}\n`);
    console.log(`kept in ${file}\n`);
  }
  const report = jobs === 0 ? costAtRest(measurement, prices) : costOfJobs(measurement, jobs, wait, prices);
  print(report);
  writeJson(json, report.data);
  if (plots) {
    mkdirSync(IMAGES, { recursive: true });
    for (const [name, svg] of Object.entries(report.plots)) writeFileSync(join(IMAGES, name), svg);
    console.log(`wrote ${Object.keys(report.plots).join(", ")} to docs/images`);
  }
}

function print({ head, sections }: CostReport): void {
  console.log(`${head}\n`);
  for (const section of sections) console.log(`${isTable(section) ? formatTable(section) : section}\n`);
}

const isTable = (section: Table | string): section is Table => typeof section !== "string";

function kept(workflow: string): Measurement {
  if (workflows().includes(workflow)) return readMeasurement(join(MEASURED, `${workflow}.json`));
  throw new UsageError(
    `--workflow: measured are ${workflows().join(", ")}; got ${JSON.stringify(workflow)}. Measure it, then --measured FILE --save`,
  );
}

function workflows(): string[] {
  return readdirSync(MEASURED).flatMap((name) => (name.endsWith(".json") ? [name.slice(0, -".json".length)] : []));
}

function flags() {
  const values = parseOrExplain(parse, USAGE);
  if (values.help) {
    console.log(USAGE);
    process.exit(0);
  }
  const { json, measured = [], save = false, plots = false, workflow = "analysis", region = "us-east-1" } = values;
  checkJsonFile(json);
  if (save && measured.length === 0) throw new UsageError(`--save needs --measured FILE\n\n${USAGE}`);
  const jobs = wholeNumber("--jobs", values.jobs ?? "1e6");
  if (plots && jobs === 0) throw new UsageError("--plots draws jobs: it needs --jobs above 0");
  return { jobs, wait: wholeNumber("--wait", values.wait ?? "20"), json, measured, save, plots, workflow, region };
}

const parse = () =>
  parseArgs({
    options: {
      jobs: { type: "string" },
      workflow: { type: "string" },
      region: { type: "string" },
      wait: { type: "string" },
      json: { type: "string" },
      measured: { type: "string", multiple: true },
      save: { type: "boolean" },
      plots: { type: "boolean" },
      help: { type: "boolean" },
    },
  }).values;

function wholeNumber(flag: string, text: string): number {
  const value = text.trim() === "" ? Number.NaN : Number(text);
  if (Number.isSafeInteger(value) && value >= 0) return value;
  throw new UsageError(`${flag} must be a whole number from 0 on, such as 1e6; got ${JSON.stringify(text)}`);
}

try {
  main();
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  console.error(error.message);
  process.exitCode = 2;
}
