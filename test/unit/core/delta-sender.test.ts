import { expect, test } from "vitest";
import { TextAssembler } from "../../../client/text.ts";
import { MAX_FRAME_BYTES, type ServerMessage } from "../../../src/contract/socket.ts";
import { DeltaSender } from "../../../src/core/delta-sender.ts";
import type { Sockets, Subscription } from "../../../src/core/subscribers.ts";
import { newJobId, newTenant } from "../../../src/testing/contracts/fixtures.ts";
import { settle, VirtualClock } from "../../../src/testing/virtual-clock.ts";

type Delta = Extract<ServerMessage, { type: "delta" }>;

const tenant = newTenant();
const jobId = newJobId();
const attempt = { jobId, stepId: "s/0", attempt: 2 };

/** A sender whose frames are kept by connection, with the time of each, and whoever watches the job. */
function begin(watchers: readonly Subscription[] = []) {
  const clock = new VirtualClock(0);
  const frames: { to: string; atMs: number; delta: Delta; bytes: number }[] = [];
  const errors: string[] = [];
  let looks = 0;
  const hooks: { post: Sockets["post"]; look: () => Promise<readonly Subscription[]> } = {
    post: async () => "sent",
    look: async () => watchers,
  };
  const sender = new DeltaSender({
    subscribers: {
      ofJob(of) {
        looks += 1;
        expect(of).toBe(jobId);
        return hooks.look();
      },
    },
    sockets: {
      async post(to, frame) {
        frames.push({ to, atMs: clock.now(), delta: JSON.parse(frame) as Delta, bytes: Buffer.byteLength(frame) });
        return hooks.post(to, frame);
      },
    },
    clock,
    onError: (what) => errors.push(what),
  });
  return {
    clock,
    sender,
    hooks,
    frames,
    errors,
    looks: () => looks,
    /** When what was sent, and where it stands. */
    sent: (to = "c") => frames.filter((each) => each.to === to).map((f) => [f.atMs, f.delta.offset, f.delta.text]),
  };
}

const watcher = (connectionId = "c", fields: Partial<Subscription> = {}): Subscription => ({
  connectionId,
  id: "mine",
  token: "t",
  tenant,
  jobId,
  isDerived: false,
  afterSeq: 0,
  expiresMs: Number.POSITIVE_INFINITY,
  ...fields,
});

test("the first words go at once, the others at most every 300 ms, each time all that the log does not have", async () => {
  const { sender, clock, frames, sent } = begin([watcher()]);
  const stream = sender.begin(attempt);
  for (const word of ["a", "b", "c", "d"]) {
    stream.add(word);
    await clock.advance(100);
  }
  await clock.advance(5_000);
  stream.add("e");
  await clock.advance(0);
  expect(sent()).toEqual([
    [0, 0, "a"],
    [300, 0, "abc"],
    [600, 0, "abcd"],
    [5_400, 0, "abcde"],
  ]);
  expect(frames[0]?.delta).toEqual({ type: "delta", id: "mine", ...attempt, offset: 0, text: "a" });
});

test("of a job that nobody watches nothing is sent: it costs one look, and sets no timer", async () => {
  const { sender, clock, frames, looks } = begin();
  const stream = sender.begin(attempt);
  for (let n = 0; n < 100; n++) {
    stream.add("word ");
    expect(await clock.skip()).toBe(false);
  }
  stream.end();
  expect([looks(), frames.length]).toEqual([1, 0]);
});

test("a step that does not stream costs no look", async () => {
  const { sender, looks } = begin([watcher()]);
  sender.begin(attempt).end();
  await sender.settled();
  expect(looks()).toBe(0);
});

test("who comes while a step streams has the words from the record before the last on, once somebody has read that it watches", async () => {
  const { sender, clock, sent, looks } = begin();
  const stream = sender.begin(attempt);
  for (const [text, recorded] of [
    ["aa", 2],
    ["bb", 4],
  ] as const) {
    stream.add(text);
    stream.recorded(recorded);
  }
  stream.add("c");
  await clock.advance(1_000);
  sender.found(jobId, [watcher()]);
  await clock.advance(0);
  stream.add("d");
  await clock.advance(300);
  expect(sent()).toEqual([
    [1_000, 2, "bbc"],
    [1_300, 4, "cd"],
  ]);
  expect(looks()).toBe(1);
});

test("between frames and records nothing falls: a client that loses no frame needs no event, wherever the log is", async () => {
  const { sender, clock, frames } = begin([watcher()]);
  const stream = sender.begin(attempt);
  let told = "";
  for (let n = 0; n < 400; n++) {
    const text = `${n} `;
    told += text;
    stream.add(text);
    await clock.advance(17);
    if (n % 23 === 22) stream.recorded(told.length);
  }
  await clock.advance(300);
  const text = new TextAssembler();
  const shown = frames.map(({ delta }) => text.add({ type: "delta", delta })?.text ?? "").join("");
  expect(shown).toBe(told);
  // Nor is all of it sent each time.
  expect(frames.reduce((sum, { delta }) => sum + delta.text.length, 0)).toBeLessThan(3 * told.length);
});

test("who has all of it is sent nothing again, however often it is found", async () => {
  const { sender, clock, sent } = begin([watcher()]);
  sender.begin(attempt).add("a");
  await clock.advance(0);
  for (let n = 0; n < 3; n++) {
    sender.found(jobId, [watcher()]);
    await clock.advance(1_000);
  }
  expect(sent()).toEqual([[0, 0, "a"]]);
});

test("a frame that was lost is made good by the next", async () => {
  const { sender, clock, frames } = begin([watcher()]);
  const stream = sender.begin(attempt);
  let told = "";
  for (let n = 0; n < 20; n++) {
    told += `${n} `;
    stream.add(`${n} `);
    await clock.advance(300);
  }
  const text = new TextAssembler();
  const come = frames.filter((_, n) => n % 3 === 2 || n === frames.length - 1);
  expect(come.map(({ delta }) => text.add({ type: "delta", delta })?.text ?? "").join("")).toBe(told);
});

test("each subscription is sent its own, under its name, those that follow from one to all jobs too", async () => {
  const all = [watcher("c"), watcher("c", { id: "again" }), watcher("d", { id: "all", isDerived: true })];
  const { sender, clock, frames } = begin(all);
  sender.begin(attempt).add("word");
  await clock.advance(0);
  expect(frames.map(({ to, delta }) => [to, delta.id, delta.text])).toEqual([
    ["c", "mine", "word"],
    ["d", "all", "word"],
    ["c", "again", "word"],
  ]);
});

test("a connection has one frame on its way, for all steps; it is sent the newest words then, and holds up nobody", async () => {
  const { sender, clock, hooks, sent, frames } = begin([watcher("slow"), watcher("c")]);
  const [first, second] = [sender.begin(attempt), sender.begin({ ...attempt, stepId: "s/1" })];
  const taken = Promise.withResolvers<"sent">();
  hooks.post = async (to) => (to === "slow" ? taken.promise : "sent");
  for (const word of ["a", "b", "c"]) {
    first.add(word);
    second.add(word);
    await clock.advance(300);
  }
  expect(sent("slow")).toEqual([[0, 0, "a"]]);
  expect(sent("c")).toHaveLength(6);
  hooks.post = async () => "sent";
  taken.resolve("sent");
  await settle();
  const slow = frames.filter(({ to }) => to === "slow").map(({ delta }) => [delta.stepId, delta.text]);
  expect(slow).toEqual([
    ["s/0", "a"],
    ["s/1", "abc"],
    ["s/0", "abc"],
  ]);
});

test.each([
  ["is gone", async () => "gone" as const, []],
  ["takes nothing", () => Promise.reject(new Error("too many")), ["words not sent to a watcher"]],
])("a connection that %s gets nothing more until it is found again", async (_, post, said) => {
  const { sender, clock, hooks, sent, errors } = begin([watcher("bad"), watcher("bad", { id: "b" }), watcher("c")]);
  const stream = sender.begin(attempt);
  hooks.post = async (to) => (to === "bad" ? post() : "sent");
  for (const word of ["a", "b", "c"]) {
    stream.add(word);
    await clock.advance(300);
  }
  expect(sent("bad")).toEqual([[0, 0, "a"]]);
  expect(sent("c")).toHaveLength(3);
  expect(errors).toEqual(said);
  hooks.post = async () => "sent";
  sender.found(jobId, [watcher("bad")]);
  stream.add("d");
  await clock.advance(300);
  expect(sent("bad").at(-1)).toEqual([900, 0, "abcd"]);
});

test("after its end a stream sends nothing more, not even what waited for a connection, and leaves no timer", async () => {
  const { sender, clock, hooks, sent } = begin([watcher()]);
  const stream = sender.begin(attempt);
  const taken = Promise.withResolvers<"sent">();
  hooks.post = () => taken.promise;
  for (const word of ["a", "b", "c"]) {
    stream.add(word);
    await clock.advance(200);
  }
  stream.add("d");
  expect(clock.nextMs).toBe(900);
  stream.end();
  expect(clock.nextMs).toBeUndefined();
  stream.add("e");
  stream.recorded(3);
  sender.found(jobId, [watcher()]);
  taken.resolve("sent");
  expect(await clock.skip()).toBe(false);
  expect(sent()).toEqual([[0, 0, "a"]]);
});

test("an invocation's end waits for what is on its way, two seconds at most", async () => {
  const { sender, clock, hooks } = begin([watcher()]);
  await sender.settled();
  const stream = sender.begin(attempt);
  hooks.post = () => new Promise(() => {});
  stream.add("a");
  await clock.advance(0);
  stream.end();
  let settled = false;
  const waiting = sender.settled().then(() => {
    settled = true;
  });
  await clock.advance(1_999);
  expect(settled).toBe(false);
  await clock.advance(1);
  await waiting;
});

test("where it cannot be read who watches, they have it from the log, until it can", async () => {
  const { sender, clock, hooks, sent, errors } = begin();
  hooks.look = () => Promise.reject(new Error("away"));
  const stream = sender.begin(attempt);
  stream.add("a");
  await clock.advance(1_000);
  expect(errors).toEqual(["not known who watches"]);
  sender.found(jobId, [watcher()]);
  await clock.advance(0);
  expect(sent()).toEqual([[1_000, 0, "a"]]);
});

test("no text makes a frame that is too large; what a frame does not hold waits for the log", async () => {
  const id = "x".repeat(64);
  const { sender, clock, frames } = begin([watcher("c", { id })]);
  const stream = sender.begin({ ...attempt, stepId: "\u0001".repeat(200), attempt: Number.MAX_SAFE_INTEGER });
  const text = "\u0000".repeat(20_000);
  stream.add(text);
  await clock.advance(600);
  stream.recorded(20_000);
  stream.add("z");
  await clock.advance(300);
  expect(frames.map(({ delta }) => [delta.offset, delta.text.length])).toEqual([
    [0, 5_120],
    [5_120, 5_120],
  ]);
  expect(Math.max(...frames.map(({ bytes }) => bytes))).toBeLessThanOrEqual(MAX_FRAME_BYTES);
  expect(frames[0]?.bytes).toBeGreaterThan(MAX_FRAME_BYTES - 1_024);
});
