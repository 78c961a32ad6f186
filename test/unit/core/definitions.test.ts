import { describe, expect, it } from "vitest";
import { z } from "zod";
import { type AppOptions, defineApp } from "../../../src/core/define-app.ts";
import { type CapabilityOptions, defineCapability } from "../../../src/core/define-capability.ts";
import { defineWorkflow } from "../../../src/core/define-workflow.ts";
import { DefinitionError, errorInfo } from "../../../src/core/errors.ts";
import { defineTool } from "../../../src/core/resources.ts";

const any = z.any();
const capability = (options: Partial<CapabilityOptions<string, z.ZodType, z.ZodType>> = {}) =>
  defineCapability({ name: "work", input: any, output: any, run: () => 1, ...options });
const workflow = (name = "flow") => defineWorkflow({ name, input: any, output: any, run: async () => 1 });
const app = (options: Partial<AppOptions> = {}) =>
  defineApp({ workflows: [workflow()], capabilities: [capability()], ...options });

/** That the error has all of these in its message: what was got, and what is allowed. */
function refuses(define: () => unknown, ...parts: (string | RegExp)[]): void {
  let thrown: unknown;
  try {
    define();
  } catch (error) {
    thrown = error;
  }
  expect(thrown).toBeInstanceOf(DefinitionError);
  for (const part of parts) expect((thrown as Error).message).toMatch(part);
}

describe("a capability", () => {
  it("gets its defaults, and cannot be changed", () => {
    expect(capability({ timeoutMs: 20_000 })).toMatchObject({
      timeoutMs: 20_000,
      leaseMs: 35_000,
      concurrency: 20,
      onInDoubt: "rerun",
      onExhausted: "dead-letter",
      announce: false,
      retry: { maxAttempts: 5, baseDelayMs: 1_000, maxDelayMs: 60_000 },
    });
    expect(Object.isFrozen(capability())).toBe(true);
  });

  it("keeps the retry defaults that are not set", () => {
    expect(capability({ retry: { maxAttempts: 2 } }).retry).toEqual({
      maxAttempts: 2,
      baseDelayMs: 1_000,
      maxDelayMs: 60_000,
    });
  });

  it.each(["", "Work", "web search", "web_search", "9lives", "-a", "a-", "a--b", "x".repeat(41)])(
    "cannot be named %j",
    (name) => {
      refuses(
        () => capability({ name }),
        JSON.stringify(name),
        "lower-case letters and digits",
        "at most 40 characters",
      );
    },
  );

  it.each<[Partial<CapabilityOptions<string, z.ZodType, z.ZodType>>, string, RegExp]>([
    [{ timeoutMs: 999 }, "timeoutMs", /1000/],
    [{ timeoutMs: 870_001 }, "timeoutMs", /870000/],
    [{ concurrency: 1 }, "concurrency", /2/],
    [{ batchSize: 11 }, "batchSize", /10/],
    [{ memoryMb: 64 }, "memoryMb", /128/],
    [{ maxBacklog: 0 }, "maxBacklog", />=1/],
    [{ maxBacklog: 2.5 }, "maxBacklog", /int/],
    [{ memoryMb: 512.5 }, "memoryMb", /int/],
    [{ tenantConcurrency: 0 }, "tenantConcurrency", /1/],
    [{ tenantConcurrency: 1_001 }, "tenantConcurrency", /1000/],
    [{ retry: { maxAttempts: 0 } }, "retry.maxAttempts", /1/],
    [{ retry: { maxDelayMs: 900_001 } }, "retry.maxDelayMs", /900000/],
    [{ retry: { baseDelayMs: Number.NaN } }, "retry.baseDelayMs", /NaN/],
  ])("refuses %j", (options, setting, allowed) => {
    refuses(() => capability(options), "capability work", setting, allowed);
  });

  it("refuses a lease shorter than its call", () => {
    refuses(() => capability({ timeoutMs: 60_000, leaseMs: 30_000 }), /leaseMs \(30000\)/, /timeoutMs \(60000\)/);
  });
});

describe("a workflow", () => {
  it("cannot have a name that is no topic's", () => {
    refuses(() => workflow("My Flow"), '"My Flow"', "lower-case letters");
  });
});

describe("an app", () => {
  it("takes limits of its tenants that are whole numbers above 0, and has none by itself", () => {
    expect(app().tenantLimits).toEqual({});
    const tenantLimits = { jobsPerMinute: 60, jobsInFlight: 1_000 };
    expect(app({ tenantLimits }).tenantLimits).toEqual(tenantLimits);
    refuses(() => app({ tenantLimits: { jobsPerMinute: 0 } }), "tenantLimits", "jobsPerMinute", />=1/, /got.*0/);
    refuses(() => app({ tenantLimits: { jobsPerMinute: 60_001 } }), "jobsPerMinute", /<=60000/);
    refuses(() => app({ tenantLimits: { jobsInFlight: 1.5 } }), "jobsInFlight", /int/);
    refuses(() => app({ tenantLimits: { jobsAnHour: 1 } as object }), "jobsAnHour");
  });

  it("needs a workflow", () => {
    refuses(() => app({ workflows: [] }), "at least one workflow; got none");
  });

  it("names what is there twice", () => {
    refuses(() => app({ workflows: [workflow(), workflow()] }), 'workflow named "flow"');
    refuses(() => app({ capabilities: [capability(), capability()] }), 'capability named "work"');
    const tool = defineTool({ name: "sum", description: "", input: any, run: () => 1 });
    refuses(() => app({ tools: [tool, tool] }), 'tool named "sum"');
    refuses(() => app({ workflows: [workflow("work")] }), '"work" names a workflow and a capability');
  });

  it.each<[Record<string, object>, ...string[]]>([
    [{ "open ai": { requestsPerMinute: 1 } }, "openai:gpt-5", "without spaces", '"open ai"'],
    [{ "": { requestsPerMinute: 1 } }, 'got ""'],
    [{ openai: {} }, "rate openai", "requestsPerMinute or tokensPerMinute", "neither"],
    [{ openai: { requestsPerMinute: 0 } }, "rate openai", "requestsPerMinute", "1"],
    [{ openai: { tokensPerMinute: 1.5 } }, "rate openai", "tokensPerMinute", "int"],
    [{ openai: { tokensPerMinut: 1 } }, "rate openai", "tokensPerMinut"],
  ])("refuses the rates %j", (rates, ...parts) => {
    refuses(() => app({ rates }), ...parts);
  });

  it("keeps its rates by name, and has none by default", () => {
    const openai = { requestsPerMinute: 60, tokensPerMinute: 30_000 };
    expect([...app({ rates: { openai } }).rates]).toEqual([["openai", openai]]);
    expect(app().rates.size).toBe(0);
  });

  it("refuses a tool's name that a model could not call", () => {
    const tool = (name: string) => defineTool({ name, description: "", input: any, run: () => 1 });
    refuses(() => app({ tools: [tool("Sum!")] }), '"Sum!"', "'_' for '-' is allowed");
    expect(app({ tools: [tool("read_document")] }).tools.has("read_document")).toBe(true);
  });

  it.each(["maxSteps", "deadlineMs", "retentionMs"] as const)(
    "refuses a %s that is no whole number above 0",
    (name) => {
      for (const value of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY]) {
        refuses(() => app({ [name]: value }), name, "whole number above 0", String(value));
      }
    },
  );
});

describe("what of an error goes on record", () => {
  it("is name, message, detail and causes, without a stack", () => {
    const error = Object.assign(new TypeError("outer", { cause: new Error("inner") }), { detail: { status: 429 } });
    expect(errorInfo(error)).toEqual({
      name: "TypeError",
      message: "outer",
      detail: { status: 429 },
      cause: { name: "Error", message: "inner" },
    });
  });

  it("is bounded, also where causes go in a circle", () => {
    const error = new Error("x".repeat(100_000), { cause: new Error("y") });
    (error.cause as Error).cause = error;
    Object.assign(error, { detail: "d".repeat(1_000_000) });
    expect(JSON.stringify(errorInfo(error)).length).toBeLessThan(20_000);
  });

  it.each<[string, unknown]>([
    [
      "a circle as detail",
      Object.assign(new Error("x"), {
        detail: (() => {
          const a: object[] = [];
          a.push(a);
          return a;
        })(),
      }),
    ],
    ["a bigint as detail", Object.assign(new Error("x"), { detail: 1n })],
    ["a function as detail", Object.assign(new Error("x"), { detail: () => 1 })],
    ["no message", Object.assign(new Error("x"), { message: undefined })],
    ["an object as message", Object.assign(new Error("x"), { message: { a: 1 } })],
    ["no text at all", Object.create(null)],
    ["a symbol", Symbol("s")],
    ["undefined", undefined],
  ])("can be written whatever was thrown: %s", (_, thrown) => {
    const info = errorInfo(thrown);
    expect(JSON.parse(JSON.stringify(info))).toEqual(info);
    expect(typeof info.message).toBe("string");
  });
});
