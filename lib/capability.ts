import { Duration, Stack } from "aws-cdk-lib";
import { Stats } from "aws-cdk-lib/aws-cloudwatch";
import { Policy, PolicyStatement } from "aws-cdk-lib/aws-iam";
import type { ISecret } from "aws-cdk-lib/aws-secretsmanager";
import type { Construct } from "constructs";
import { topics } from "../src/contract/messages.ts";
import { allow } from "./allow.ts";
import type { AccessStatement } from "./bedrock-access.ts";
import type { CapabilityManifest } from "./bundling/app-manifest.ts";
import { type Instance, writerVariables } from "./instance.ts";
import { ownMetric } from "./own-metric.ts";
import { QueueWorker } from "./queue-worker.ts";
import { policyArn } from "./secrets.ts";

export interface CapabilityProps {
  readonly instance: Instance;
  readonly capability: CapabilityManifest;
  /** The model that steps call unless they name another. */
  readonly model: string;
  /** Access that calling the app's models takes; given to capabilities that call models. */
  readonly modelAccess: readonly AccessStatement[];
  /** By the name of the variable that the capability's code reads. */
  readonly secrets: ReadonlyMap<string, ISecret>;
}

/** A function lives longer than its call, for what is recorded afterwards (rule 17 of the job protocol). */
const FUNCTION_MARGIN_MS = 30_000;
const LONGEST_MS = 900_000;

/** One capability: its topic, queue, dead letters, worker, alarms and row of the dashboard, from its definition alone. */
export class Capability extends QueueWorker<"worker"> {
  constructor(scope: Construct, id: string, props: CapabilityProps) {
    const { instance, capability, model, modelAccess, secrets } = props;
    const { name, timeoutMs, memoryMb, batchSize, concurrency, usesModel, permissions } = capability;
    const { stage } = instance;
    const arns = Object.fromEntries([...secrets].map(([variable, { secretArn }]) => [variable, secretArn]));
    super(scope, id, {
      instance,
      kind: "worker",
      topic: topics.requested(name),
      queueName: name,
      description: `Works on steps of capability ${name}`,
      timeout: Duration.millis(Math.min(Math.ceil((timeoutMs + FUNCTION_MARGIN_MS) / 1_000) * 1_000, LONGEST_MS)),
      memoryMb,
      batchSize,
      maxConcurrency: concurrency,
      environment: {
        ...writerVariables(instance),
        SLUICE_CAPABILITY: name,
        SLUICE_MODEL: model,
        SLUICE_SOCKET_ENDPOINT: instance.push?.endpoint,
        SLUICE_SECRETS: secrets.size === 0 ? undefined : Stack.of(scope).toJsonString(arns),
      },
      failures: [
        ownMetric("StepsFailed", stage, { capability: name }, { label: "failed" }),
        ownMetric("StepsThrottled", stage, { capability: name }, { label: "throttled" }),
        ownMetric("StepsInDoubt", stage, { capability: name }, { label: "in doubt" }),
      ],
      durations: [
        ownMetric("StepDuration", stage, { capability: name }, { statistic: Stats.p(50), label: "step p50" }),
        ownMetric("StepDuration", stage, { capability: name }, { statistic: Stats.p(95), label: "step p95" }),
      ],
    });
    for (const secret of secrets.values()) allow(this.worker, ["secretsmanager:GetSecretValue"], policyArn(secret));
    if (usesModel) for (const access of modelAccess) this.worker.addToRolePolicy(new PolicyStatement(access));
    this.#permit(permissions);
    instance.data.grantReadCorpus(this.worker);
    instance.data.grantLimits(this.worker);
    instance.push?.grantSend(this.worker);
  }

  /** What the app asks for is a policy of its own: what is acknowledged of ours does not cover it. */
  #permit(permissions: CapabilityManifest["permissions"]): void {
    const { role } = this.worker;
    if (permissions.length === 0 || role === undefined) return;
    const statements = permissions.map(
      ({ actions, resources }) => new PolicyStatement({ actions: [...actions], resources: [...resources] }),
    );
    const policy = new Policy(this, "Permissions", { statements, roles: [role] });
    this.worker.node.addDependency(policy);
  }
}
