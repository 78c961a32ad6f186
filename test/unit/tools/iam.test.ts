import { describe, expect, test } from "vitest";
import type { Statement } from "../../../tools/emulator/access-log.ts";
import { holds, matches, permits } from "../../../tools/emulator/iam.ts";
import { iamAction } from "../../../tools/emulator/iam-action.ts";
import { leadingKeys } from "../../../tools/emulator/leading-keys.ts";

const TABLE = "arn:aws:dynamodb:us-east-1:000000000000:table/jobs";
const allow = (Action: string | string[], Resource: string | string[], rest: Partial<Statement> = {}): Statement => ({
  Effect: "Allow",
  Action,
  Resource,
  ...rest,
});

test.each([
  ["s3:Get*", "s3:GetObject", true],
  ["*", "", true],
  ["jobs/*", "jobs/a/b", true],
  ["jobs/*", "corpus/index", false],
  ["secret-??????", "secret-AbCdEf", true],
  ["secret-??????", "secret-AbCdE", false],
  ["secret", "secret-AbCdEf", false],
  ["a.b", "axb", false],
  ["a[b]+(c)", "a[b]+(c)", true],
])("the pattern %s and %s: %s", (pattern, text, expected) => {
  expect(matches(pattern, text)).toBe(expected);
});

describe("a request is let through", () => {
  const request = { action: "dynamodb:PutItem", resource: TABLE };
  test.each<[string, Statement[], boolean]>([
    ["if a statement names it", [allow("dynamodb:PutItem", TABLE)], true],
    ["if one of several does", [allow(["dynamodb:Query", "dynamodb:PutItem"], ["other", TABLE])], true],
    ["whatever the case of the action", [allow("DynamoDB:putitem", TABLE)], true],
    ["not if nothing speaks of it", [], false],
    ["not for another resource", [allow("dynamodb:PutItem", `${TABLE}/index/wake`)], false],
    ["not whatever the case of the resource", [allow("dynamodb:PutItem", TABLE.toUpperCase())], false],
    ["not where it is forbidden", [allow("*", "*"), { ...allow("dynamodb:Put*", "*"), Effect: "Deny" }], false],
  ])("%s", (_, statements, expected) => {
    expect(permits(statements, request)).toBe(expected);
  });

  const onKey = allow("dynamodb:PutItem", TABLE, {
    Condition: { "ForAllValues:StringEquals": { "dynamodb:LeadingKeys": ["deployments"] } },
  });
  test.each<[string, Record<string, string | string[]> | undefined, boolean]>([
    ["the value that it asks for", { "dynamodb:leadingkeys": ["deployments"] }, true],
    ["one value that it does not allow", { "dynamodb:LeadingKeys": ["deployments", "job_1"] }, false],
    ["no such key", {}, true],
    ["nothing known", undefined, true],
  ])("under a condition with %s", (_, context, expected) => {
    expect(permits([onKey], { ...request, context })).toBe(expected);
  });
});

test.each([
  [{ StringEquals: { "bedrock:Profile": "p" } }, { "bedrock:Profile": "p" }, "yes"],
  [{ StringEquals: { "bedrock:Profile": "p" } }, {}, "no"],
  [{ StringEquals: { a: "1" }, IpAddress: { b: "10.0.0.0/8" } }, { a: "1", b: "10.0.0.1" }, "unknown"],
  [{ StringEquals: { a: "1" }, IpAddress: { b: "10.0.0.0/8" } }, { a: "2", b: "10.0.0.1" }, "no"],
  [{ "ForAllValues:StringLike": { k: ["live#*", "ticket#*"] } }, { k: ["live#job#1", "ticket#2"] }, "yes"],
  [{ "ForAllValues:StringLike": { k: ["live#*"] } }, { k: ["live#job#1", "job_1"] }, "no"],
  [{ "ForAllValues:StringLike": { k: ["live#*"] } }, {}, "yes"],
  [{ "ForAllValues:StringLike": { k: ["live#*"] } }, undefined, "unknown"],
  [undefined, undefined, "yes"],
])("the condition %j with %j: %s", (condition, context, expected) => {
  expect(holds(condition, context as never)).toBe(expected);
});

const values = { ":p": { S: "record#job#1" }, ":k": { S: "r#" } };
test.each([
  ["an item that is got", { Key: { pk: { S: "job_1" }, sk: { S: "c#1" } } }, "job_1"],
  ["one that is put", { Item: { pk: { S: "job_1" }, b: { S: "x" } } }, "job_1"],
  ["a query", { KeyConditionExpression: "pk = :p AND sk = :k", ExpressionAttributeValues: values }, "record#job#1"],
  ["a query of an index", { KeyConditionExpression: "#t = :p", ExpressionAttributeValues: values }, undefined],
  ["a transaction", { TransactItems: [] }, undefined],
])("the partition of %s", (_, input, partition) => {
  expect(leadingKeys(input)).toEqual(partition && { "dynamodb:LeadingKeys": [partition] });
});

test("operations have the names that policies know", () => {
  expect(iamAction("sqs", "DeleteMessageBatch")).toBe("sqs:DeleteMessage");
  expect(iamAction("dynamodb", "PutItem")).toBe("dynamodb:PutItem");
});
