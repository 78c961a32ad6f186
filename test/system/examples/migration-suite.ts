import { spawnSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { follow } from "../../../examples/express/step-2-stream/follow.ts";
import { seenByOldClient } from "../../../tools/examples/contract.ts";
import { askAsBefore } from "../../../tools/examples/old-client.ts";
import { type Example, Stand, type StandOptions, type Step } from "../../../tools/examples/stand.ts";

/** A gateway that waits for ever, but where a test is about its limit. */
const PATIENT = { limitMs: 100_000, waitS: 20 };
const QUESTION = "How long do I have for returns, and what is 3 * 12?";
const ANSWER = {
  answer: "Returns are taken for 30 days, also of bags that were opened. [1] 3 * 12 = 36.",
  sources: ["returns.md", "deliveries.md"],
  findings: [{ id: "call-0", text: "3 * 12 = 36." }],
};
const DRAFT = "I look that up in the sources, and calculate what is asked for.";
const client = () => ({ attempts: 100, pauseMs: 50, idempotencyKey: randomUUID() });

/** Until the model has been asked so often. */
async function asked(stand: Stand, times: number): Promise<void> {
  while ((await stand.modelCalls()).length < times) await new Promise((resolve) => setTimeout(resolve, 20));
}

/** What holds for an example, whatever it is written in: each of its steps is started for real. */
export function migrationSuite(example: Example): void {
  const start = (step: Step, options: { answerMs: number } & Partial<StandOptions>): Promise<Stand> =>
    Stand.start(example, step, { ...PATIENT, ...options });

  test("an old client sees the same bytes of all three steps, whatever it sends", async () => {
    const [before, ...after] = await Promise.all(
      ([0, 1, 2] as const).map(async (step) => {
        await using stand = await start(step, { answerMs: 20 });
        return await seenByOldClient(stand);
      }),
    );
    expect(before?.["a question with two calculations"]?.status).toBe(200);
    expect(before?.["a question that the model refuses"]?.status).toBe(502);
    expect(before?.["a question whose tool fails"]?.status).toBe(502);
    for (const step of after) expect(step).toEqual(before);
  });

  test("synchronous: what takes longer than the gateway's limit is paid for at each attempt, and never answered", async () => {
    await using stand = await start(0, { answerMs: 1_000, limitMs: 500 });
    const { statuses } = await askAsBefore(stand.url, QUESTION, { ...client(), attempts: 2 });
    expect(statuses).toEqual([504, 504]);
    await asked(stand, 4);
  });

  test("waiting: what takes longer than the wait is answered to a repeat, and paid for once", async () => {
    await using stand = await start(1, { answerMs: 1_000, waitS: 1 });
    const { statuses, body } = await askAsBefore(stand.url, QUESTION, client());
    expect(statuses[0]).toBe(503);
    expect(statuses.at(-1)).toBe(200);
    expect(JSON.parse(body)).toEqual(ANSWER);
    expect((await stand.modelCalls()).map(({ round }) => round)).toEqual(["draft", "answer"]);
  });

  test("waiting: a client without a key is told by its question, and another question under the same key is another job", async () => {
    await using stand = await start(1, { answerMs: 20 });
    const { idempotencyKey: _, ...keyless } = client();
    for (let time = 0; time < 3; time++) await askAsBefore(stand.url, QUESTION, keyless);
    // Ten minutes may just be over.
    expect((await stand.modelCalls()).length).toBeLessThanOrEqual(4);
    const keyed = client();
    const bodies = [];
    for (const question of [QUESTION, "When do deliveries leave?"]) {
      bodies.push((await askAsBefore(stand.url, question, keyed)).body);
    }
    expect(bodies[0]).not.toBe(bodies[1]);
  });

  test("waiting: a request outlives kill -9 of Sluice and of the service, is answered once, and no finished call is made again", async () => {
    await using stand = await start(1, { answerMs: 3_000 });
    const asking = askAsBefore(stand.url, QUESTION, client());
    await asked(stand, 2);
    await stand.killAndRestart();
    const { statuses, body } = await asking;
    expect(statuses[0]).toBe(502);
    expect(statuses.at(-1)).toBe(200);
    expect(JSON.parse(body)).toEqual(ANSWER);
    const rounds = (await stand.modelCalls()).map(({ round }) => round);
    expect(rounds.filter((round) => round === "draft")).toHaveLength(1);
    // The call that ran when the process was killed is lost, and made again.
    expect(rounds.filter((round) => round === "answer")).toHaveLength(2);
  });

  test("waiting: while Sluice is down, callers are told to come back, and an answer that is there is there afterwards", async () => {
    await using stand = await start(1, { answerMs: 20 });
    const before = client();
    const first = await askAsBefore(stand.url, QUESTION, before);
    await stand.sluice?.kill();
    const during = await askAsBefore(stand.url, QUESTION, { ...before, attempts: 1 });
    expect(during.statuses).toEqual([503]);
    await stand.sluice?.start();
    const afterwards = await askAsBefore(stand.url, QUESTION, before);
    expect(afterwards.body).toBe(first.body);
    expect(await stand.modelCalls()).toHaveLength(2);
  });

  test("waiting: an analysis that waits for a person has failed for who asks again", async () => {
    await using stand = await start(1, { answerMs: 20, waitS: 1, app: "test/system/examples/held-app.ts" });
    const { statuses, body } = await askAsBefore(stand.url, QUESTION, { ...client(), attempts: 2 });
    expect(statuses).toEqual([503, 502]);
    expect(JSON.parse(body)).toEqual({ error: "the analysis failed" });
  });

  test("a job that Sluice refuses is a 502 in both routes: its repeat would be refused, too", async () => {
    await using stand = await start(2, { answerMs: 20, app: "test/system/examples/other-app.ts" });
    for (const path of ["/analyze", "/analyses"]) {
      const response = await fetch(stand.url + path, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ question: QUESTION }),
      });
      expect({ path, status: response.status, body: await response.json() }).toEqual({
        path,
        status: 502,
        body: { error: "the analysis failed" },
      });
    }
  });

  test("streaming: the answer is a job at once, and its words come through kill -9, a gateway that cuts the stream and one that answers with an error, each once", async () => {
    await using stand = await start(2, { answerMs: 3_000, limitMs: 3_000 });
    const response = await fetch(`${stand.url}/analyses`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ question: QUESTION }),
    });
    expect(response.status).toBe(202);
    const { id, events } = (await response.json()) as { id: string; events: string };
    expect(response.headers.get("location")).toBe(`/analyses/${id}`);
    const words = new Map<string, string>();
    const begunAnew: string[] = [];
    const following = follow(stand.url + events, {
      onText: (text, stepId) => void words.set(stepId, (words.get(stepId) ?? "") + text),
      onAnew: (stepId) => {
        begunAnew.push(stepId);
        words.delete(stepId);
      },
    });
    await asked(stand, 2);
    await stand.service.kill();
    // The reader comes back while nobody is there, and is told so by the gateway: an EventSource would give up.
    while ((await stand.gatewayCounts()).answers[502] === undefined)
      await new Promise((resolve) => setTimeout(resolve, 20));
    await stand.killAndRestart();
    expect(await following).toEqual(ANSWER);
    // What the killed call had said is void: its repeat says all of it.
    expect(Object.fromEntries(words)).toEqual({ draft: DRAFT, answer: ANSWER.answer });
    expect(begunAnew).toEqual(["answer"]);
    expect(await (await fetch(`${stand.url}/analyses/${id}`)).json()).toMatchObject({
      status: "completed",
      result: ANSWER,
    });
  });

  test("streaming: a reader of what is no job is told so, and does not ask again", async () => {
    await using stand = await start(2, { answerMs: 20 });
    const url = `${stand.url}/analyses/job_${"a".repeat(26)}/events`;
    await expect(follow(url)).rejects.toThrow("404");
    expect((await stand.gatewayCounts()).answers).toEqual({ 404: 1 });
  });

  test("streaming: what is no job is a 404, and no way into the rest of Sluice's API", async () => {
    await using stand = await start(2, { answerMs: 20 });
    const unknown = `job_${"a".repeat(26)}`;
    for (const id of [unknown, "job_1", "..%2fcapabilities%3f", "%2e%2e"]) {
      for (const path of [`/analyses/${id}`, `/analyses/${id}/events`]) {
        const response = await fetch(stand.url + path, { headers: { accept: "text/event-stream" } });
        expect({ path, status: response.status }).toEqual({ path, status: 404 });
        await response.arrayBuffer();
      }
    }
  });
}

/** That the difference between two steps, file by file, is the one that the example shows. */
export function testDifferences(
  folder: string,
  files: Readonly<Record<Step, string>>,
  shown: Readonly<Record<1 | 2, string>>,
): void {
  test.each([1, 2] as const)("the difference that step %i makes is the one that is shown", (step) => {
    const pair = [files[step === 1 ? 0 : 1], files[step]];
    const labels = pair.flatMap((file) => ["-L", file]);
    const { stdout } = spawnSync("diff", ["-u", ...labels, ...pair], { cwd: folder, encoding: "utf8" });
    expect(readFileSync(join(folder, shown[step]), "utf8")).toBe(stdout);
  });
}
