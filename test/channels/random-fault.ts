import type { Dice } from "../simulation/dice.ts";
import type { Fault, FaultKind } from "./fault-proxy.ts";

export const FAULT_KINDS: readonly FaultKind[] = ["latency", "slice", "stall", "cut", "reset", "half-open"];

/** A fault somewhere in the next `mostBytes` of a connection. */
export function randomFault(dice: Dice, mostBytes: number, kinds: readonly FaultKind[] = FAULT_KINDS): Fault {
  const kind = dice.pick(kinds);
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
