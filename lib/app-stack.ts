import { Stack, type StackProps } from "aws-cdk-lib";
import { SnsAction } from "aws-cdk-lib/aws-cloudwatch-actions";
import { Topic } from "aws-cdk-lib/aws-sns";
import type { Construct } from "constructs";
import { Sluice, type SluiceProps } from "./sluice.ts";

export interface AppStackProps extends StackProps {
  readonly sluice: Omit<SluiceProps, "alarmActions">;
  /** The topic that is told of alarms. @default none */
  readonly alarmTopicArn?: string | undefined;
}

/** Everything that is made anew by a deployment. */
export class AppStack extends Stack {
  readonly sluice: Sluice;

  constructor(scope: Construct, id: string, { sluice, alarmTopicArn, ...props }: AppStackProps) {
    super(scope, id, props);
    const alarmActions =
      alarmTopicArn === undefined ? [] : [new SnsAction(Topic.fromTopicArn(this, "AlarmTopic", alarmTopicArn))];
    this.sluice = new Sluice(this, "Sluice", { ...sluice, alarmActions });
  }
}
