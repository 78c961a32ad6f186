import { Stack, Validations } from "aws-cdk-lib";
import type { IFunction } from "aws-cdk-lib/aws-lambda";
import type { IConstruct } from "constructs";

/**
 * Says why a finding of a rule pack is right as it is. The rules are those of cdk-nag, which this package does not
 * need: whoever adds a pack to their app finds ours looked at one by one.
 */
export function acknowledge(construct: IConstruct, id: string, reason: string): void {
  Validations.of(construct).acknowledge({ id, reason });
}

/**
 * The same for a resource with a wildcard in a function's policy: cdk-nag names the finding by the resource as it is in
 * the template, which is known only when all references are resolved.
 */
export function acknowledgeWildcard(fn: IFunction, resource: string, reason: string): void {
  const { role } = fn;
  if (role === undefined) return;
  fn.node.addValidation({
    validate() {
      acknowledge(role, `AwsSolutions-IAM5[Resource::${flat(Stack.of(fn).resolve(resource))}]`, reason);
      return [];
    },
  });
}

/** As cdk-nag writes a value of a template. */
function flat(value: unknown): string {
  if (typeof value === "string") return value;
  const [[intrinsic, argument]] = Object.entries(value as object) as [[string, unknown]];
  switch (intrinsic) {
    case "Fn::Join": {
      const [delimiter, parts] = argument as [string, unknown[]];
      return parts.map(flat).join(delimiter);
    }
    case "Fn::GetAtt":
      return `<${(argument as string[]).join(".")}>`;
    case "Fn::ImportValue":
      return flat(argument);
    case "Ref":
      return `<${argument}>`;
    default:
      return JSON.stringify(value);
  }
}
