import { beforeEach, describe, expect, it } from "vitest";
import { z } from "zod";
import type { EventBody } from "../../../src/contract/events.ts";
import type { Message } from "../../../src/contract/messages.ts";
import { defineCapability } from "../../../src/core/define-capability.ts";
import type { EventLog } from "../../../src/core/ports.ts";
import { readCommits } from "../../../src/core/read-job.ts";
import { announcementsOf } from "../../../src/core/redelivery.ts";
import { create, drive, engine, open, writer } from "./embedded-writers.ts";
import {
  appOf,
  at,
  completed,
  deadLettered,
  done,
  double,
  echo,
  givenUp,
  JOB,
  logOf,
  redriven,
  requested,
  started,
  submitted,
  timerFired,
  timerSet,
  workflowGivenUp,
} from "./fixtures.ts";

const loud = defineCapability({ name: "loud", input: z.any(), output: z.any(), run: () => 1, announce: true });
const app = appOf(async (job) => [await job.step("a", loud, 1), await job.step("b", echo, 2)], {
  capabilities: [echo, double, loud],
});
const LOUD = { capability: "loud" };
const topicsOf = (...groups: EventBody[][]): string[] =>
  announcementsOf(logOf(...groups), app).map(({ topic }) => topic);

describe("announcing a job once more", () => {
  it("says that it was asked for and how it ended, once each, at the seqs of then", () => {
    const messages = announcementsOf(logOf([submitted()], done("a", 1), [{ type: "job.completed", output: 1 }]), app);
    expect(messages).toMatchObject([
      { topic: "ai.flow.requested", detail: { jobId: JOB, tenant: "acme", seq: 1 } },
      { topic: "ai.flow.completed", detail: { jobId: JOB, tenant: "acme", seq: 5 } },
    ]);
  });

  it("marks every message, and carries the submission's trace", () => {
    const traceparent = `00-${"a".repeat(32)}-${"b".repeat(16)}-01`;
    const end: EventBody = { type: "job.cancelled" };
    for (const { detail } of announcementsOf(logOf([submitted({ traceparent })], [end]), app)) {
      expect(detail).toMatchObject({ redelivered: true, traceparent });
    }
  });

  it.each<[string, EventBody]>([
    ["failed", { type: "job.failed", error: { name: "E", message: "m" } }],
    ["was cancelled", { type: "job.cancelled" }],
    ["expired", { type: "job.expired", deadline: at(5) }],
  ])("says of one that %s that it failed", (_, end) => {
    expect(topicsOf([submitted(), end])).toEqual(["ai.flow.requested", "ai.flow.failed"]);
  });

  it("has results and dead letters of capabilities that announce theirs", () => {
    const log = [
      [submitted(), requested("a", LOUD)],
      [started("a", 1, LOUD), deadLettered("a", LOUD)],
      [redriven("a", 1, LOUD), started("a", 2, LOUD)],
      [{ ...completed("a", 1, 2), ...LOUD } as EventBody, ...givenUp("b")],
    ];
    expect(topicsOf(...log)).toEqual(["ai.flow.requested", "ai.loud.failed", "ai.loud.completed"]);
    const [, letter] = announcementsOf(logOf(...log), app);
    expect(letter?.detail).toMatchObject({ seq: 4, stepIds: ["a"] });
  });

  it("asks nobody for work: no step, no time, no workflow", () => {
    const log = [
      [submitted({ startAt: at(5_000) })],
      [requested("a"), requested("b", { capability: "double" }), timerSet("nap", 1_000)],
      [timerFired("nap"), ...givenUp("c"), redriven("c")],
      [...workflowGivenUp(), redriven("@advance", 3, { capability: "@advance" })],
    ];
    expect(topicsOf(...log)).toEqual(["ai.flow.requested"]);
  });

  it("asks nobody for work of a capability that the app no longer has either", () => {
    const log = [[submitted()], [requested("a", { capability: "gone" })], [requested("b", { capability: "gone" })]];
    expect(topicsOf(...log)).toEqual(["ai.flow.requested"]);
  });

  it("is nothing for a log without commits", () => {
    expect(announcementsOf([], app)).toEqual([]);
  });
});

describe("announcing what a writer has written", () => {
  beforeEach(() => open(app));

  it("repeats what it announced, message for message", async () => {
    const sent: Message[] = [];
    const log: EventLog = {
      append: (commit, effects) => {
        sent.push(...(effects?.messages ?? []));
        return engine.log.append(commit, effects);
      },
      read: (...range) => engine.log.read(...range),
      tail: (...range) => engine.log.tail(...range),
    };
    const jobs = writer(app, { log });
    const append = (...events: EventBody[]) => drive(jobs.update(JOB, () => ({ events, result: undefined })));
    await create(jobs);
    await append(started("a", 1, LOUD));
    await append({ ...completed("a", "A"), ...LOUD } as EventBody);
    await append(started("b"));
    await append(completed("b", "B"));
    const again = announcementsOf((await readCommits(engine, JOB)).commits, app);
    const announced = sent.filter(({ topic }) => !["ai.loud.requested", "ai.echo.requested"].includes(topic));
    expect(announced.map(({ topic }) => topic)).toEqual([
      "ai.flow.requested",
      "ai.loud.completed",
      "ai.flow.completed",
    ]);
    expect(again).toEqual(announced.map(({ topic, detail }) => ({ topic, detail: { ...detail, redelivered: true } })));
  });
});
