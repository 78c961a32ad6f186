import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import app from "../../app/sluice.ts";
import { powerLogger } from "../../lambdas/power-logger.ts";
import { PowerMetrics } from "../../lambdas/power-metrics.ts";
import { loadResources } from "../../src/host/load-resources.ts";
import { deployLocally, type LocalDeployment } from "../../src/testing/local-aws/local-deployment.ts";
import { CallRecorder } from "./call-recorder.ts";

/**
 * `node tools/cost/measure-locally.ts FILE`: runs jobs of `analysis` through the real handlers and adapters on local
 * servers and writes every call and invocation as a line, for `npm run cost -- --measured FILE`. Calls and bytes are those
 * of AWS; durations are this machine's, with the local servers' own work in them.
 */
const QUERY = "How are SQS queues encrypted by default, and what is 12 * (3 + 4)?";
const HOW = "real handlers and adapters in one process, on dynalite, fauxqs and a bus of ours";
const JOBS = 50;
/** Jobs of which nothing is counted: code gets compiled, containers come to be. */
const WARM_UP = 10;
async function measure(recorder: CallRecorder, messagesPerInvocation: number): Promise<object[]> {
  const alone = messagesPerInvocation === 1;
  const deployment = await deployLocally({
    app,
    resources: loadResources(app, { dataDir: undefined }),
    // One job after the other; or all submitted before one container of each worker takes what waits.
    containers: alone ? 4 : 1,
    batchSize: messagesPerInvocation,
    logger: powerLogger({ keys: { stage: "dev" } }),
    newMetrics: () => new PowerMetrics("dev"),
    around: recorder.around,
  });
  try {
    recorder.watchCalls(deployment.aws.clients);
    if (alone) {
      deployment.startWorkers();
      for (let n = 0; n < WARM_UP; n++) await finish(deployment, await submit(deployment));
      await recorder.idle();
      recorder.take();
      for (let n = 0; n < JOBS; n++) await finish(deployment, await submit(deployment));
    } else {
      const ids: string[] = [];
      for (let n = 0; n < JOBS; n++) ids.push(await submit(deployment));
      deployment.startWorkers();
      for (const id of ids) await finish(deployment, id);
    }
    await recorder.idle();
    const ofJobs = recorder.take();
    for (let n = 0; n < WARM_UP; n++) await deployment.reconcile();
    if (deployment.errors.length > 0) throw new Error(`handlers failed: ${deployment.errors.join("; ")}`);
    const about = { kind: "run", messagesPerInvocation, emulator: HOW, ...provenance() };
    return [
      { ...about, workflow: "analysis", jobs: JOBS },
      ...ofJobs,
      { kind: "metrics", series: recorder.metricSeries.size },
      { ...about, workflow: "none", jobs: 0 },
      ...recorder.take(),
    ];
  } finally {
    await deployment.close();
  }
}

async function submit(deployment: LocalDeployment): Promise<string> {
  return (await deployment.submit("analysis", { query: QUERY })).body.id;
}

async function finish(deployment: LocalDeployment, id: string): Promise<void> {
  const { status } = await deployment.ended(id);
  if (status !== "completed") throw new Error(`job ${id} is ${status}`);
}

const provenance = () => ({
  commit: execFileSync("git", ["rev-parse", "--short", "HEAD"], { encoding: "utf8" }).trim(),
  date: new Date().toISOString().slice(0, 10),
});

const [file] = process.argv.slice(2);
if (file === undefined) {
  console.error("Usage: node tools/cost/measure-locally.ts FILE");
  process.exit(2);
}
const recorder = new CallRecorder();
recorder.watchLogs();
const lines = [...(await measure(recorder, 1)), ...(await measure(recorder, 5))];
writeFileSync(file, `${lines.map((line) => JSON.stringify(line)).join("\n")}\n`);
console.log(`wrote ${lines.length} lines to ${file}`);
