import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { readOutputs, UsageError } from "../../../tools/read-outputs.ts";

const dir = mkdtempSync(join(tmpdir(), "outputs-"));
afterAll(() => rmSync(dir, { recursive: true }));

const file = (content: unknown): string => {
  const path = join(dir, "outputs.json");
  writeFileSync(path, typeof content === "string" ? content : JSON.stringify(content));
  return path;
};
const messageOf = (content: unknown, instance?: string): string => {
  try {
    readOutputs(file(content), instance);
  } catch (error) {
    expect(error).toBeInstanceOf(UsageError);
    return (error as Error).message;
  }
  throw new Error("it was expected to throw");
};

const instance = (id: string, bucket = "bucket-a") => ({
  [`${id}ApiUrl`]: "https://abc.execute-api.us-east-1.amazonaws.com/dev/",
  [`${id}KeysSecretArn`]: "arn:aws:secretsmanager:eu-west-1:000000000000:secret:keys-AbCdEf",
  [`${id}BucketName`]: bucket,
  [`${id}Region`]: "eu-west-1",
});

test("reads the instance of a file among other outputs and stacks", () => {
  const stacks = { Network: { VpcId: "vpc-1" }, App: { ...instance("Ai"), OwnBucketName: "mine", Note: "x" } };
  expect(readOutputs(file(stacks))).toEqual({
    ApiUrl: "https://abc.execute-api.us-east-1.amazonaws.com/dev/",
    KeysSecretArn: "arn:aws:secretsmanager:eu-west-1:000000000000:secret:keys-AbCdEf",
    BucketName: "bucket-a",
    Region: "eu-west-1",
  });
});

test("where an instance has a WebSocket API, its URL is one of a WebSocket", () => {
  const url = "wss://abc.execute-api.us-east-1.amazonaws.com/live";
  expect(readOutputs(file({ App: { ...instance("Sluice"), SluiceSocketUrl: url } })).SocketUrl).toBe(url);
  expect(messageOf({ App: { ...instance("Sluice"), SluiceSocketUrl: "https://abc/live" } })).toBe(
    `${join(dir, "outputs.json")}: the outputs of App/Sluice are wrong: SluiceSocketUrl: must be a URL of a WebSocket; got "https://abc/live"`,
  );
});

test("several instances: one is named, by its id or by its stack too", () => {
  const stacks = { Dev: { ...instance("A"), ...instance("B", "bucket-b") }, Prod: instance("A", "bucket-p") };
  expect(messageOf(stacks)).toContain("name one by --instance: Dev/A, Dev/B, Prod/A");
  expect(readOutputs(file(stacks), "B").BucketName).toBe("bucket-b");
  expect(readOutputs(file(stacks), "Prod/A").BucketName).toBe("bucket-p");
  expect(messageOf(stacks, "A")).toContain("several instances");
  expect(messageOf(stacks, "C")).toContain('no instance "C"; it has Dev/A, Dev/B, Prod/A');
});

test.each([
  ["not json", "Unexpected token"],
  [[], "cdk deploy --outputs-file"],
  [{ App: "text" }, "cdk deploy --outputs-file"],
  [{ App: { SluiceApiUrl: 7 } }, "cdk deploy --outputs-file"],
  [{}, "no outputs of an instance"],
  [{ App: { OtherApiUrl: "https://x" } }, "<Id>KeysSecretArn"],
])("%j is refused with what is allowed", (content, said) => {
  expect(messageOf(content)).toContain(said);
});

test("a file that is not there is said to be so", () => {
  expect(() => readOutputs(join(dir, "none.json"))).toThrow("there is no such file");
});

test("all outputs that are missing or malformed are named, with what was got", () => {
  const { AiRegion: _, ...rest } = instance("Ai", "Not A Bucket");
  expect(messageOf({ App: rest })).toMatch(/AiBucketName: must be the name.*"Not A Bucket"; AiRegion: is missing/);
});
