import { CustomResource, Duration, Stack } from "aws-cdk-lib";
import type { ISecret } from "aws-cdk-lib/aws-secretsmanager";
import { Construct } from "constructs";
import { allow } from "./allow.ts";
import type { SluiceData } from "./data.ts";
import { policyArn } from "./secrets.ts";
import { type FunctionDefaults, SluiceFunction } from "./sluice-function.ts";

export interface DeploymentNumberProps {
  readonly data: SluiceData;
  readonly functions: FunctionDefaults;
  /** Changes with everything that makes one deployment's workflows differ from another's. */
  readonly hash: string;
  /** What must be there before a worker starts, by the name of the variable. */
  readonly secrets: ReadonlyMap<string, ISecret>;
}

/** A number that grows with each deployment, also with one of older code: rule 7 of the job protocol. */
export class DeploymentNumber extends Construct {
  readonly value: string;
  /** Changes whenever the number does. */
  readonly changesWith: string;

  constructor(scope: Construct, id: string, { data, functions, hash, secrets }: DeploymentNumberProps) {
    super(scope, id);
    const fn = new SluiceFunction(this, "Function", {
      kind: "deployment",
      defaults: functions,
      environment: { SLUICE_TABLE: data.table.tableName },
      description: "Counts deployments, and looks whether the secrets that workers need are there",
      timeout: Duration.minutes(1),
    });
    data.grantCountDeployments(fn);
    for (const secret of secrets.values()) {
      allow(fn, ["secretsmanager:DescribeSecret"], policyArn(secret));
      // Of one that is not there it must be told so, rather than that it may not look.
      if (secret.secretFullArn === undefined) allow(fn, ["secretsmanager:DescribeSecret"], secret.secretArn);
    }
    const properties = {
      Hash: hash,
      ...(secrets.size === 0
        ? {}
        : { Secrets: [...secrets].map(([variable, { secretArn }]) => ({ variable, arn: secretArn })) }),
    };
    const resource = new CustomResource(this, "Number", {
      resourceType: "Custom::SluiceDeployment",
      serviceToken: fn.functionArn,
      serviceTimeout: Duration.minutes(5),
      properties,
    });
    this.changesWith = JSON.stringify(Stack.of(this).resolve(properties));
    this.value = resource.getAttString("DeploySeq");
  }
}
