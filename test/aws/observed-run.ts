import { registerHooks } from "node:module";

/**
 * A process in which an instance runs on local servers with the logger, metrics and telemetry of functions on AWS: these
 * are of a whole process. Its jobs come as a message, what became of them goes back as one; what it writes is its log.
 */
export interface RunRequest {
  readonly model: string;
  readonly jobs: readonly {
    readonly workflow: string;
    readonly input: object;
    readonly headers?: Record<string, string>;
    /** Waits for it, rather than only for its acceptance. */
    readonly wait?: boolean;
  }[];
}

export interface RunReport {
  readonly jobs: readonly { readonly id: string; readonly status: string }[];
  /** Packages that were loaded. */
  readonly packages: readonly string[];
}

const packages = new Set<string>();
registerHooks({
  load(url, context, nextLoad) {
    const name = /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1];
    if (name) packages.add(name);
    return nextLoad(url, context);
  },
});

process.once("message", (request: RunRequest) => {
  run(request).then(
    (report) => process.send?.(report, () => process.disconnect()),
    (error: unknown) => {
      console.error(error);
      process.exit(1);
    },
  );
});

async function run({ model, jobs }: RunRequest): Promise<RunReport> {
  const { deployLocally } = await import("../../src/testing/local-aws/local-deployment.ts");
  const { functionMetrics } = await import("../../lambdas/aws-runtime.ts");
  const { traceModels } = await import("../../src/telemetry/trace-models.ts");
  const { powerLogger } = await import("../../lambdas/power-logger.ts");
  const { loadResources } = await import("../../src/host/load-resources.ts");
  const { default: app, TENANT } = await import("./observed-app.ts");
  const metrics = await functionMetrics("test", traceModels);
  const deployment = await deployLocally({
    app,
    resources: loadResources(app, { dataDir: undefined, model }),
    logger: powerLogger({ logLevel: "DEBUG", keys: { stage: "test", function: "observed" } }),
    newMetrics: () => metrics,
  });
  try {
    deployment.startWorkers();
    const reports: RunReport["jobs"][number][] = [];
    for (const { workflow, input, headers, wait = true } of jobs) {
      const { status, body } = await deployment.submit(workflow, input, headers, TENANT);
      if (status !== 202) throw new Error(`submitting was answered ${status}: ${JSON.stringify(body)}`);
      const ended = async (): Promise<string> => {
        for (;;) {
          const job = (await deployment.job(body.id, TENANT)).body;
          if (job.status !== "running") return job.status;
          await new Promise((resolve) => setTimeout(resolve, 50));
        }
      };
      reports.push({ id: body.id, status: wait ? await ended() : body.status });
    }
    await deployment.stopWorkers();
    if (deployment.errors.length > 0) throw new AggregateError(deployment.errors);
    return { jobs: reports, packages: [...packages].sort() };
  } finally {
    await deployment.close();
  }
}
