import { Duration, Stack, type StackProps } from "aws-cdk-lib";
import type { Construct } from "constructs";
import { SluiceData } from "./data.ts";
import type { Stage } from "./stages.ts";

export interface DataStackProps extends StackProps {
  readonly stage: Stage;
}

/** What outlives deployments, in a stack of its own. */
export class DataStack extends Stack {
  readonly data: SluiceData;

  constructor(scope: Construct, id: string, { stage, ...props }: DataStackProps) {
    super(scope, id, { ...props, terminationProtection: stage.retain });
    this.data = new SluiceData(this, "Data", {
      retain: stage.retain,
      archiveRetention: Duration.days(stage.archiveDays),
    });
  }
}
