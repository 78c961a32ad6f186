import { PolicyStatement } from "aws-cdk-lib/aws-iam";
import type { IFunction } from "aws-cdk-lib/aws-lambda";

/** Lets a function do these things to this one resource, and nothing more. CDK's own grants are wider than what we call. */
export function allow(
  fn: IFunction,
  actions: readonly string[],
  resource: string,
  conditions?: Record<string, unknown>,
): void {
  fn.addToRolePolicy(
    new PolicyStatement({ actions: [...actions], resources: [resource], ...(conditions ? { conditions } : {}) }),
  );
}
