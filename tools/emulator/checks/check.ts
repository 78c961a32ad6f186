import type { DeployedResource } from "../deployed.ts";

/** An instance that was deployed, both of its stacks. */
export class Deployment {
  readonly resources: readonly DeployedResource[];
  /** Data outlives its stack. */
  readonly retained: boolean;

  constructor(resources: readonly DeployedResource[], retained: boolean) {
    this.resources = resources;
    this.retained = retained;
  }

  ofType(type: string): DeployedResource[] {
    return this.resources.filter((resource) => resource.type === type);
  }

  /** The only one of its type, of ours: the CDK brings functions of its own, too. Throws where there is none, or another. */
  only(type: string): DeployedResource {
    const [found, ...others] = this.ofType(type);
    if (found === undefined || others.length > 0) {
      throw new RangeError(`expected one ${type}, got ${found === undefined ? "none" : others.length + 1}`);
    }
    return found;
  }

  /** Sluice's own functions. */
  get functions(): DeployedResource[] {
    return this.ofType("AWS::Lambda::Function").filter(({ path }) => !path.startsWith("Custom::"));
  }
}

/** Whether the function at this path is called by a queue: for steps, workflows and webhooks, or to send by WebSocket. */
export const takesMessages = (path: string): boolean =>
  path.startsWith("Sluice/Pipeline/") || path === "Sluice/Sockets/Delivery";

/** Whether something at this path is of the WebSocket API, whose messages are soon of no use. */
export const isOfSockets = (path: string): boolean => path.startsWith("Sluice/Sockets/");

/** What the templates promise, asked of the services that keep it. */
export interface Check {
  readonly what: string;
  /** What is wrong, a line each; empty where the promise holds. */
  violations(deployment: Deployment): Promise<string[]>;
}

/** A line where something is not as expected. */
export function differs(what: string, got: unknown, expected: unknown): string[] {
  const [a, b] = [JSON.stringify(got), JSON.stringify(expected)];
  return a === b ? [] : [`${what}: expected ${b}, got ${a ?? "nothing"}`];
}
