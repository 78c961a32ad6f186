import type { IncomingMessage } from "node:http";
import type { Request } from "../../../tools/emulator/iam.ts";
import { iamAction } from "../../../tools/emulator/iam-action.ts";
import { leadingKeys } from "../../../tools/emulator/leading-keys.ts";

const WHERE = "us-east-1:000000000000";

/** What a signed request asks for, as a policy would name it. Throws for a service that functions do not call. */
export function requestedAccess(
  service: string,
  { method, url = "", headers }: IncomingMessage,
  body: Buffer,
): Request {
  const operation = String(headers["x-amz-target"] ?? "").replace(/^.*\./, "");
  const input = (): Record<string, never> & Input => JSON.parse(body.toString());
  switch (service) {
    case "dynamodb": {
      const { TableName, IndexName } = input();
      const table = `arn:aws:dynamodb:${WHERE}:table/${TableName}`;
      const context = leadingKeys(input());
      return {
        action: iamAction(service, operation),
        resource: IndexName === undefined ? table : `${table}/index/${IndexName}`,
        ...(context === undefined ? {} : { context }),
      };
    }
    case "sqs":
      return {
        action: iamAction(service, operation),
        resource: `arn:aws:sqs:${WHERE}:${String(input().QueueUrl).replace(/^.*\//, "")}`,
      };
    case "events":
      return {
        action: iamAction(service, operation),
        resource: `arn:aws:events:${WHERE}:event-bus/${input().Entries?.[0]?.EventBusName}`,
      };
    case "secretsmanager":
      return { action: iamAction(service, operation), resource: String(input().SecretId) };
    case "s3": {
      const { pathname } = new URL(url, "http://local");
      const [, bucket, ...key] = pathname.split("/").map(decodeURIComponent);
      const verb = { GET: "Get", PUT: "Put", DELETE: "Delete", HEAD: "Head" }[method ?? ""];
      return { action: iamAction(service, `${verb}Object`), resource: `arn:aws:s3:::${bucket}/${key.join("/")}` };
    }
    case "execute-api":
      return {
        action: iamAction(service, "ManageConnections"),
        resource: `arn:aws:execute-api:${WHERE}:sockets${url.replace(/^\/live/, `/live/${method}`)}`,
      };
    case "monitoring":
      return { action: iamAction("cloudwatch", operation), resource: "*" };
    default:
      throw new RangeError(`the front does not know what ${service} is asked by ${method} ${url}`);
  }
}

interface Input {
  readonly TableName?: string;
  readonly IndexName?: string;
  readonly QueueUrl?: string;
  readonly SecretId?: string;
  readonly Entries?: readonly { readonly EventBusName?: string }[];
}
