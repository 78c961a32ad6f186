import { Validations } from "aws-cdk-lib";
import type { IConstruct } from "constructs";

/**
 * Says why a finding of a rule pack is right as it is. The rules are those of cdk-nag, which this package does not
 * need: whoever adds a pack to their app finds ours looked at one by one.
 */
export function acknowledge(construct: IConstruct, id: string, reason: string): void {
  Validations.of(construct).acknowledge({ id, reason });
}
