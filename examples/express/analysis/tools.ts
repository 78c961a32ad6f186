export interface ToolCall {
  readonly id: string;
  readonly name: string;
  /** JSON, as the model wrote it. */
  readonly arguments: string;
}

export interface Finding {
  readonly id: string;
  readonly text: string;
}

/** What the model is told that it may ask for. */
export const TOOLS = [
  {
    type: "function",
    function: {
      name: "calculator",
      parameters: {
        type: "object",
        properties: { a: { type: "number" }, operator: { enum: ["*", "+"] }, b: { type: "number" } },
      },
    },
  },
];

export async function runTool({ id, name, arguments: json }: ToolCall): Promise<Finding> {
  if (name !== "calculator") return { id, text: `There is no tool ${name}.` };
  const { a, operator, b } = JSON.parse(json) as { a: number; operator: string; b: number };
  return { id, text: `${a} ${operator} ${b} = ${operator === "*" ? a * b : a + b}.` };
}
