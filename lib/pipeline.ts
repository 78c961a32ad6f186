import { Fn, Lazy } from "aws-cdk-lib";
import type { ISecret } from "aws-cdk-lib/aws-secretsmanager";
import { Construct } from "constructs";
import type { AccessStatement } from "./bedrock-access.ts";
import type { AppManifest } from "./bundling/app-manifest.ts";
import { Capability } from "./capability.ts";
import type { Instance } from "./instance.ts";
import type { QueueWorker } from "./queue-worker.ts";
import { SynthError } from "./synth-error.ts";
import { WebhookQueue } from "./webhook-queue.ts";
import { WorkflowQueue } from "./workflow-queue.ts";

export interface SluicePipelineProps {
  readonly instance: Omit<Instance, "queueUrlPrefix">;
  readonly manifest: AppManifest;
  readonly model: string;
  readonly modelAccess: readonly AccessStatement[];
  /** The secrets of a capability, by the name of the variable. */
  readonly secretsOf: (capability: AppManifest["capabilities"][number]) => ReadonlyMap<string, ISecret>;
}

/** What works on jobs: for each capability and each workflow of the app, its topic, queue and worker; and one for webhooks. */
export class SluicePipeline extends Construct {
  readonly capabilities: ReadonlyMap<string, Capability>;
  readonly workflows: ReadonlyMap<string, WorkflowQueue>;
  readonly webhooks: WebhookQueue;
  readonly instance: Instance;

  constructor(scope: Construct, id: string, props: SluicePipelineProps) {
    super(scope, id);
    const { manifest, model, modelAccess, secretsOf } = props;
    // From the URL of any queue: in all of them, what comes before the name is the same, wherever the stack is deployed.
    const before = Lazy.string({
      produce: () => Fn.select(0, Fn.split(props.instance.queuePrefix, this.#anyQueue().topicQueue.queue.queueUrl)),
    });
    const instance = { ...props.instance, queueUrlPrefix: `${before}${props.instance.queuePrefix}-` };
    this.instance = instance;
    this.capabilities = new Map(
      manifest.capabilities.map((capability) => [
        capability.name,
        new Capability(this, `Capability-${capability.name}`, {
          instance,
          capability,
          model,
          modelAccess,
          secrets: secretsOf(capability),
        }),
      ]),
    );
    this.workflows = new Map(
      manifest.workflows.map(({ name }) => [
        name,
        new WorkflowQueue(this, `Workflow-${name}`, { instance, workflow: name }),
      ]),
    );
    this.webhooks = new WebhookQueue(this, "Webhooks", { instance });
  }

  /** Throws {@link SynthError} for a name that the app does not have. */
  capability(name: string): Capability {
    const capability = this.capabilities.get(name);
    if (capability) return capability;
    throw new SynthError(
      `the app has no capability ${JSON.stringify(name)}; it has ${[...this.capabilities.keys()].join(", ")}`,
    );
  }

  /** Everything whose queue brings jobs forward. */
  get ofJobs(): QueueWorker[] {
    return [...this.capabilities.values(), ...this.workflows.values()];
  }

  /** Everything that has a queue. */
  get queueWorkers(): QueueWorker[] {
    return [...this.ofJobs, this.webhooks];
  }

  #anyQueue(): QueueWorker {
    // An app without workflows cannot be defined.
    const [first] = this.workflows.values();
    if (first === undefined) throw new SynthError("an app needs at least one workflow");
    return first;
  }
}
