import type { Limits } from "../../src/core/ports.ts";
import type { Incarnation } from "./incarnation.ts";

/** The limits that several processes share, as one of them reaches them: each call is one of a port. */
export function limitsOf(process: Incarnation, shared: Limits): Limits {
  const call = async <T>(what: string, effect: () => Promise<T>): Promise<T> =>
    await process.call(`limits.${what}`, effect);
  return {
    reserve: (key, ask) => call(`reserve ${key} ${ask.costMs} ms`, () => shared.reserve(key, ask)),
    settle: (key, deltaMs) => call(`settle ${key} ${deltaMs} ms`, () => shared.settle(key, deltaMs)),
    circuit: (key) => call(`circuit ${key}`, () => shared.circuit(key)),
    circuits: () => call("circuits", () => shared.circuits()),
    changeCircuit: (key, record, expected) =>
      call(`changeCircuit ${key} from ${expected} to ${record}`, () => shared.changeCircuit(key, record, expected)),
    enter: (key, id, entry) => call(`enter ${key} ${id}`, () => shared.enter(key, id, entry)),
    leave: (key, id) => call(`leave ${key} ${id}`, () => shared.leave(key, id)),
  };
}
