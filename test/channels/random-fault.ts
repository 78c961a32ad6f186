import type { Dice } from "../simulation/dice.ts";
import type { Fault, FaultKind } from "./fault-proxy.ts";

const KINDS: readonly FaultKind[] = ["latency", "slice", "stall", "cut", "reset", "half-open"];

/** A fault somewhere in the first `mostBytes` of an answer; one of five connections has none. */
export function randomFault(dice: Dice, mostBytes: number): Fault | undefined {
  if (dice.chance(0.2)) return undefined;
  const kind = dice.pick(KINDS);
  const atByte = dice.int(0, mostBytes);
  switch (kind) {
    case "latency":
      return { kind, atByte, delayMs: dice.ms(1, 30) };
    case "stall":
      return { kind, atByte, delayMs: dice.ms(5, 300) };
    case "slice":
      return { kind, atByte, bytes: dice.int(1, 40) };
    default:
      return { kind, atByte };
  }
}
