import type { App } from "../../../src/core/define-app.ts";
import type { AnyCapability } from "../../../src/core/define-capability.ts";
import type { Job } from "../../../src/core/define-workflow.ts";
import type { Corpus } from "../../../src/core/resources.ts";
import { stepContext } from "../capabilities/step-context.ts";

/** Runs a workflow of an app with its real capabilities, one call a step, without an engine. */
export async function runApp(app: App, name: string, input: unknown, corpus: Corpus) {
  const steps: string[] = [];
  const ask = async (id: string, capabilityName: string, stepInput: unknown) => {
    const capability = app.capabilities.get(capabilityName) as AnyCapability;
    steps.push(`${id}: ${capabilityName}`);
    const context = stepContext({ corpus, model: app.model, tools: [...app.tools.values()] });
    return capability.output.parse(await capability.run(capability.input.parse(stepInput), context));
  };
  const job: Job = {
    id: "job_test",
    tenant: "acme",
    step: (id, capability, stepInput) => ask(id, capability.name, stepInput),
    retrieve: (id, stepInput) => ask(id, "retrieval", stepInput),
    complete: (id, stepInput) => ask(id, "completion", stepInput),
    tool: (id, call) => ask(id, "tool", call),
    sleep: async () => {},
    now: async () => new Date(0),
    random: async () => 0,
    signal: () => Promise.reject(new Error("nobody sends a signal")),
  };
  const workflow = app.workflows.get(name);
  if (workflow === undefined) throw new Error(`no workflow ${name}`);
  const output = workflow.output.parse(await workflow.run(job, workflow.input.parse(input)));
  return { output, steps };
}
