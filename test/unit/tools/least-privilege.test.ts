import { describe, expect, test } from "vitest";
import { type AccessLine, parseAccessLog, type Statement } from "../../../tools/emulator/access-log.ts";
import { compare, describeComparison } from "../../../tools/emulator/least-privilege.ts";

const queue = (name: string): string => `arn:aws:sqs:us-east-1:000000000000:ai-${name}`;
const named = (name: string): AccessLine => ({
  kind: "resource",
  arn: queue(name),
  path: `Sluice/Pipeline/Capability-${name}/Topic/Queue`,
});
const worker = (name: string, Action: string | string[], rest: Partial<Statement> = {}): AccessLine => ({
  kind: "role",
  role: `arn:aws:iam::000000000000:role/${name}`,
  function: `Sluice/Pipeline/Capability-${name}/Worker`,
  statements: [{ Effect: "Allow", Action, Resource: queue(name), ...rest }],
});
const call = (name: string, action: string, rest: object = {}): AccessLine => ({
  kind: "call",
  time: 1_764_000_000_000,
  function: `stack-${name}`,
  role: `arn:aws:iam::000000000000:role/${name}`,
  action,
  resource: queue(name),
  allowed: true,
  ...rest,
});
const ANY = {
  function: "Sluice/Pipeline/Capability-*/Worker",
  resource: "<Sluice/Pipeline/Capability-*/Topic/Queue>",
};
const SEND = "sqs:SendMessage";
const PURGE = "sqs:PurgeQueue";

test("nothing is wrong where all that is allowed is used, and nothing else", () => {
  const lines = [worker("a", [SEND]), call("a", SEND), call("a", SEND)];
  expect(compare(lines, [])).toEqual({ denied: [], unused: [], staleAcknowledgements: [] });
  expect(describeComparison(compare(lines, []))).toEqual([]);
});

test("a right to some partitions of the table is used by a call for one of them, and by no other", () => {
  const to = (partition: string): Partial<Statement> => ({
    Condition: { "ForAllValues:StringLike": { "dynamodb:LeadingKeys": [partition] } },
  });
  const context = { "dynamodb:LeadingKeys": ["job_1"] };
  const lines = [
    worker("a", "dynamodb:Query", to("job_*")),
    worker("a", "dynamodb:Query", to("record#*")),
    named("a"),
    call("a", "dynamodb:Query", { context }),
  ];
  expect(compare(lines, [])).toMatchObject({
    denied: [],
    unused: [{ ...ANY, action: "dynamodb:Query", resource: `${ANY.resource} record#*` }],
  });
});

describe("denied is", () => {
  test("a call that the role does not allow, however often, even if somebody let it through", () => {
    const lines = [worker("a", SEND), named("a"), call("a", SEND), call("a", PURGE), call("a", PURGE)];
    expect(compare(lines, []).denied).toEqual([{ ...ANY, action: PURGE, times: 2, why: "its role does not allow it" }]);
  });

  test("a call that was refused, even if the role allows it", () => {
    const lines = [worker("a", SEND), call("a", SEND, { allowed: false })];
    expect(compare(lines, []).denied).toMatchObject([{ why: "its role allows it, but it was refused" }]);
  });

  test("a call on what belongs to another of its kind", () => {
    const lines = [worker("a", SEND), worker("b", SEND), call("a", SEND), call("b", SEND, { resource: queue("a") })];
    expect(compare(lines, []).denied).toMatchObject([{ action: SEND, times: 1 }]);
  });

  test("a call under a role that nobody has heard of", () => {
    expect(compare([call("a", SEND)], []).denied).toMatchObject([
      { function: "stack-a", why: "no role arn:aws:iam::000000000000:role/a is known" },
    ]);
  });

  test("a call outside of its role's condition", () => {
    const Condition = { StringEquals: { "aws:RequestedRegion": "us-east-1" } };
    const lines = [
      worker("a", SEND, { Condition }),
      call("a", SEND, { context: { "aws:RequestedRegion": "eu-west-1" } }),
    ];
    expect(compare(lines, []).denied).toHaveLength(1);
  });
});

describe("unused is", () => {
  const lines = [named("a"), named("b"), worker("a", [SEND, PURGE]), worker("b", [SEND, PURGE]), call("a", SEND)];

  test("what no function of a kind did: one worker answers for all", () => {
    expect(compare(lines, []).unused).toEqual([{ ...ANY, action: PURGE }]);
  });

  test("not what is acknowledged, which is not asked for more than that", () => {
    const note = { function: "*/Worker", action: "sqs:Purge*", reason: "a person does" };
    expect(compare(lines, [note])).toEqual({ denied: [], unused: [], staleAcknowledgements: [] });
    const other = { ...note, resource: "*DeadLetters>" };
    expect(compare(lines, [other])).toMatchObject({ unused: [{ action: PURGE }], staleAcknowledgements: [other] });
  });

  test("not what is forbidden", () => {
    expect(compare([...lines, worker("b", PURGE, { Effect: "Deny" }), call("b", PURGE)], []).unused).toEqual([]);
  });
});

describe("an acknowledgement is stale", () => {
  test.each([
    ["if what it speaks of is used", [worker("a", SEND), call("a", SEND)]],
    ["if no role has it", [worker("a", PURGE), call("a", PURGE)]],
  ])("%s", (_, lines) => {
    const note = { function: "*", action: SEND, reason: "why not" };
    expect(compare(lines, [note]).staleAcknowledgements).toEqual([note]);
  });
});

test("a comparison is told in lines", () => {
  const lines = [named("a"), worker("a", SEND), call("a", PURGE)];
  expect(describeComparison(compare(lines, [{ function: "*", action: "xray:*", reason: "traces" }]))).toEqual([
    `denied   ${ANY.function}: ${PURGE} on ${ANY.resource}, 1 ×: its role does not allow it`,
    `unused   ${ANY.function}: ${SEND} on ${ANY.resource}`,
    "stale    *: xray:* on *: acknowledged, but used or not there (traces)",
  ]);
});

describe("a file of lines", () => {
  test("is read, empty lines left out", () => {
    const lines = [worker("a", SEND), named("a"), call("a", SEND, { context: { k: ["v"] } })];
    expect(parseAccessLog(`${lines.map((line) => JSON.stringify(line)).join("\n\n")}\n`)).toEqual(lines);
  });

  test.each([
    ["a line that was cut off", '{"kind":"call"'],
    ["a kind of line that is not known", '{"kind":"metric"}'],
    ["a statement that is more than we judge", JSON.stringify(worker("a", SEND, { NotResource: "*" } as never))],
  ])("with %s is refused, with its number", (_, text) => {
    expect(() => parseAccessLog(`${JSON.stringify(named("a"))}\n${text}\n`)).toThrow(/^line 2 of the access log: /);
  });
});
