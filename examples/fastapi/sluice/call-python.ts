import { type StepContext, TerminalError } from "sluice";

const STEPS_URL = process.env.STEPS_URL ?? "http://127.0.0.1:3001";

interface Line<O> {
  readonly text?: string;
  readonly output?: O;
  readonly refused?: string;
}

/** A capability's `run` that calls a step of `steps.py`, and tells its words on as they come. Its output is checked by the capability. */
export function callPython(name: string) {
  return async <O>(input: unknown, { signal, progress }: StepContext): Promise<O> => {
    const response = await fetch(`${STEPS_URL}/steps/${name}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(input),
      signal,
    });
    if (!response.ok || response.body === null) throw new Error(`step ${name} answered ${response.status}`);
    for await (const line of linesOf(response.body)) {
      const { text, output, refused } = JSON.parse(line) as Line<O>;
      if (text !== undefined) progress(text);
      if (refused !== undefined) throw new TerminalError(refused);
      if (output !== undefined) return output;
    }
    throw new Error(`the answer of step ${name} broke off`);
  };
}

async function* linesOf(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  let begun = "";
  for await (const text of body.pipeThrough(new TextDecoderStream())) {
    const lines = (begun + text).split("\n");
    begun = lines.pop() ?? "";
    yield* lines;
  }
  if (begun !== "") yield begun;
}
