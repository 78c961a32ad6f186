import {
  type FunctionConfiguration,
  GetFunctionConfigurationCommand,
  GetFunctionRecursionConfigCommand,
  LambdaClient,
} from "@aws-sdk/client-lambda";
import { parseEnvironment } from "../../../src/engines/aws/environment.ts";
import type { DeployedResource } from "../deployed.ts";
import { functionKindAt } from "../function-kind.ts";
import { type Check, type Deployment, differs, takesMessages } from "./check.ts";

const lambda = new LambdaClient({});

async function ofEach(
  { functions }: Deployment,
  violations: (fn: DeployedResource, configuration: FunctionConfiguration) => Promise<string[]> | string[],
): Promise<string[]> {
  const found = functions.map(async (fn) =>
    violations(fn, await lambda.send(new GetFunctionConfigurationCommand({ FunctionName: fn.physicalId }))),
  );
  return (await Promise.all(found)).flat();
}

export const functionChecks: readonly Check[] = [
  {
    what: "functions run on Node 24, on ARM",
    violations: (deployment) =>
      ofEach(deployment, ({ path }, { Runtime, Architectures }) =>
        differs(path, [Runtime, ...(Architectures ?? [])], ["nodejs24.x", "arm64"]),
      ),
  },
  {
    what: "every function finds in its environment what it parses when it starts",
    violations: (deployment) =>
      ofEach(deployment, ({ path }, { Environment }) => {
        try {
          parseEnvironment(functionKindAt(path), Environment?.Variables ?? {});
          return [];
        } catch (error) {
          return [`${path}: ${(error as Error).message}`];
        }
      }),
  },
  {
    what: "a long job is not taken for a loop: consumers of queues and the reconciler may follow themselves",
    violations: (deployment) =>
      ofEach(deployment, async ({ path, physicalId }) => {
        if (!takesMessages(path) && !path.endsWith("/Reconciler")) return [];
        const { RecursiveLoop } = await lambda.send(
          new GetFunctionRecursionConfigCommand({ FunctionName: physicalId }),
        );
        return differs(path, RecursiveLoop, "Allow");
      }),
  },
];
