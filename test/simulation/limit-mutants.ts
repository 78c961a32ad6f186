import { type Mutant, patch } from "./mutant.ts";

/** Bugs in what keeps steps and jobs out: found in schedules that are about limits. */
export const LIMIT_MUTANTS: readonly Mutant[] = [
  {
    name: "place-kept",
    what: "A tenant's place is not given back after the call",
    patches: [
      patch(
        "src/core/gates.ts",
        "if (set !== undefined) parts.push",
        'if (set !== undefined && end === "not-called") parts.push',
      ),
    ],
  },
  {
    name: "refused-holds",
    what: "A step that one gate keeps out holds what it got at those before",
    patches: [
      patch(
        "src/core/gates.ts",
        'await this.#pass(held).settle("not-called");\n      return refused;',
        "return refused;",
      ),
    ],
  },
  {
    name: "never-half-open",
    what: "A circuit that has opened lets no probe through",
    patches: [patch("src/core/circuit.ts", "if (nowMs < circuit.untilMs) {", "if (nowMs > 0) {")],
  },
  {
    name: "probe-shared",
    what: "Everybody calls who comes while a probe is on its way",
    patches: [
      patch(
        "src/core/circuit.ts",
        'if (probe.id === id) return { kind: "pass" };',
        'if (probe.id !== "") return { kind: "pass" };',
      ),
    ],
  },
  {
    name: "probe-replaced",
    what: "Whoever comes takes the place of a probe that is on its way",
    patches: [patch("src/core/circuit.ts", "if (nowMs < probe.untilMs) {", "if (nowMs < 0) {")],
  },
  {
    name: "outage-receives",
    what: "The message of a step that a gate keeps out goes back to its queue, and uses up its receives",
    patches: [
      patch(
        "lambdas/worker/pass-gates.ts",
        "await queue.defer(capability.name, message, delayMs);",
        'throw new Error("kept out");',
      ),
    ],
  },
  {
    name: "bucket-bottomless",
    what: "A rate grants whatever it is asked for",
    patches: [
      patch("src/core/token-bucket.ts", "if (fullAtMs <= latestMs)", "if (fullAtMs <= latestMs || burstMs > 0)"),
    ],
  },
  {
    name: "share-unkept",
    what: "A tenant's steps are counted, and called all the same",
    patches: [
      patch(
        "src/core/gates.ts",
        "if (!(await this.#limits.enter(key, held.id, entry))) {",
        "if (!(await this.#limits.enter(key, held.id, entry)) && held.set === undefined) {",
      ),
    ],
  },
  {
    name: "one-too-many",
    what: "A tenant may have one job more in flight than is allowed",
    patches: [
      patch("src/core/shared-count.ts", "if (count >= most)", "if (count > most)"),
      patch("src/core/shared-count.ts", "known.since >= most)", "known.since > most)"),
    ],
  },
];
