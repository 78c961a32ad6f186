import { readFileSync } from "node:fs";
import { IAMClient } from "@aws-sdk/client-iam";
import { LambdaClient } from "@aws-sdk/client-lambda";
import { type AccessLine, CallLine, type ResourceLine, RoleLine, Statement } from "./access-log.ts";
import type { Deployment } from "./checks/check.ts";
import type { DeployedResource } from "./deployed.ts";
import { ACCOUNT, REGION } from "./emulator.ts";
import { leadingKeys } from "./leading-keys.ts";
import { rolePoliciesOf } from "./role-policies.ts";

const iam = new IAMClient({});
const lambda = new LambdaClient({});

/**
 * What the functions of an instance did and what their roles allow, for `compare`: the calls out of the record, the roles' policies and
 * the names of things from the emulator's API. Calls of the CDK's own functions are left out.
 *
 * @param from the line of the record to begin with
 */
export async function accessLines(deployment: Deployment, recordFile: string, from = 0): Promise<AccessLine[]> {
  const roles = await Promise.all(deployment.functions.map(roleOf));
  const byRole = new Map(roles.map(({ role, function: fn }) => [role, fn]));
  const calls = readRecord(recordFile, from).flatMap((line) => {
    const fn = line.kind === "call" ? byRole.get(String(line.role)) : undefined;
    if (fn === undefined) return [];
    // The emulator enforces roles without such conditions: they are judged afterwards.
    const context = String(line.action).startsWith("dynamodb:") ? leadingKeys(line.body) : undefined;
    return [CallLine.parse({ ...line, function: fn, context })];
  });
  return [...roles, ...deployment.resources.flatMap(resourceLine), ...calls];
}

/** The lines that `recorder.py` has written. */
export function readRecord(file: string, from = 0): Readonly<Record<string, unknown>>[] {
  const lines = readFileSync(file, "utf8").split("\n");
  // The last is empty, or is being written.
  return lines.slice(from, -1).map((line) => JSON.parse(line) as Record<string, unknown>);
}

async function roleOf({ path, physicalId }: DeployedResource): Promise<RoleLine> {
  const { role, policies } = await rolePoliciesOf({ iam, lambda }, physicalId);
  const statements = policies.flatMap(({ document }) => {
    const { Statement: found } = JSON.parse(document) as { Statement: unknown };
    return [found].flat().map((each) => Statement.parse(each));
  });
  return RoleLine.parse({ kind: "role", role, function: path, statements });
}

function resourceLine({ path, physicalId, type }: DeployedResource): ResourceLine[] {
  const arn = arnOf(type, physicalId);
  return arn === undefined ? [] : [{ kind: "resource", arn, path }];
}

/** Of what policies speak of; undefined for the rest. */
function arnOf(type: string, physicalId: string): string | undefined {
  const arn = (service: string, rest: string): string => `arn:aws:${service}:${REGION}:${ACCOUNT}:${rest}`;
  switch (type) {
    case "AWS::DynamoDB::GlobalTable":
      return arn("dynamodb", `table/${physicalId}`);
    case "AWS::S3::Bucket":
      return `arn:aws:s3:::${physicalId}`;
    case "AWS::Events::EventBus":
      return arn("events", `event-bus/${physicalId}`);
    case "AWS::SQS::Queue":
      return arn("sqs", physicalId.split("/").at(-1) ?? "");
    case "AWS::SecretsManager::Secret":
      return physicalId;
    case "AWS::Logs::LogGroup":
      return arn("logs", `log-group:${physicalId}`);
    default:
      return undefined;
  }
}
