import type { MathNode } from "mathjs";
import { z } from "zod";
import { defineTool } from "../core/resources.ts";

const MAX_EXPRESSION = 200;
const FUNCTIONS = [
  "sqrt",
  "cbrt",
  "abs",
  "round",
  "floor",
  "ceil",
  "exp",
  "log",
  "log2",
  "log10",
  "min",
  "max",
  "sin",
  "cos",
  "tan",
];
const CONSTANTS = ["pi", "e", "tau"];
const NODES = ["ConstantNode", "OperatorNode", "ParenthesisNode", "FunctionNode", "SymbolNode"];

/**
 * Works out arithmetic on real numbers: `{ expression: "12*(3+4)" }` gives `{ expression, result: "84" }`, to 14
 * significant digits. It allows the operators, functions and constants that its description names and nothing else,
 * so an expression can neither reach code nor take long. Throws, in words for the model, on anything else.
 */
export const calculator = defineTool({
  name: "calculator",
  description: `Works out an arithmetic expression. Operators + - * / ^ % ! and brackets; functions ${FUNCTIONS.join(", ")}; constants ${CONSTANTS.join(", ")}.`,
  input: z.object({ expression: z.string().min(1).max(MAX_EXPRESSION) }),
  async run({ expression }) {
    const math = await loadMath();
    const tree = math.parse(expression);
    tree.traverse(check);
    const value: unknown = tree.compile().evaluate();
    if (typeof value !== "number" || !Number.isFinite(value)) {
      throw new Error(
        `${expression} is no finite real number: a division by zero, an overflow, or the root of a negative number`,
      );
    }
    return { expression, result: math.format(value, { precision: 14 }) };
  },
});

/** Numbers only: a fifth of the full library's time to load, and no matrices or big numbers to run out of memory with. */
async function loadMath() {
  const { parse, format } = await import("mathjs/number");
  return { parse, format };
}

/** An allow list of the expression's parts: stricter than switching off single functions of the library. */
function check(node: MathNode): void {
  if (!NODES.includes(node.type)) {
    throw new Error(`the calculator takes arithmetic only; got ${node.type} in ${node.toString()}`);
  }
  if (node.type === "ConstantNode" && !("value" in node && typeof node.value === "number")) {
    throw new Error(`the calculator takes numbers only; got ${node.toString()}`);
  }
  if (node.type === "SymbolNode" && "name" in node && ![...FUNCTIONS, ...CONSTANTS].includes(String(node.name))) {
    throw new Error(
      `the calculator does not know ${JSON.stringify(node.name)}; it knows ${[...FUNCTIONS, ...CONSTANTS].join(", ")}`,
    );
  }
}
