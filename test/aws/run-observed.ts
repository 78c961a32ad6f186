import { fork } from "node:child_process";
import { once } from "node:events";
import { type ChatServer, chatServer, delta, end, fail, send, usage } from "../unit/capabilities/chat-server.ts";
import type { RunReport, RunRequest } from "./observed-run.ts";

/** Words that are in payloads and must be nowhere else. */
export const MARKERS = {
  query: "marker-query-7h2k",
  answer: "marker-answer-q9x1",
  toolInput: "marker-tool-input-m3v8",
  input: "marker-input-t5z4",
  secret: "marker-secret-w8b6",
  refused: "marker-refused-p1c9",
} as const;

/**
 * A model that asks for two tools, is overloaded once, and then answers; a prompt with the refused marker gets a 400.
 * Its errors quote the prompt, as providers' do.
 */
export async function observedModel(): Promise<ChatServer> {
  let overloaded = false;
  const chat: ChatServer = await chatServer((response, request) => {
    const { body } = chat.requests.findLast(({ headers }) => headers === request.headers) ?? {};
    const quoted = `you said ${JSON.stringify(body?.messages)}`;
    if (quoted.includes(MARKERS.refused)) return fail(400, quoted)(response, request);
    if (!overloaded) {
      overloaded = true;
      return fail(429, quoted, { "retry-after-ms": "1" })(response, request);
    }
    const round = body?.messages.some(({ role }) => role === "tool");
    if (round) send(response, delta({ content: `${MARKERS.answer} [1]` }), delta({}, "stop"));
    else {
      const call = (index: number, name: string, input: object) => ({
        index,
        id: `call-${index}`,
        type: "function",
        function: { name, arguments: JSON.stringify(input) },
      });
      const tool_calls = [
        call(0, "read_document", { path: `${MARKERS.toolInput}.md` }),
        call(1, "calculator", { expression: MARKERS.toolInput }),
      ];
      send(response, delta({ content: MARKERS.answer }), delta({ tool_calls }), delta({}, "tool_calls"));
    }
    send(response, usage(11, 7));
    end(response);
  });
  return chat;
}

/** Runs jobs in a process of its own. Resolves with what became of them and with all that it wrote. */
export async function runObserved(
  request: RunRequest,
  variables: Record<string, string> = {},
): Promise<RunReport & { readonly output: string }> {
  const child = fork(new URL("./observed-run.ts", import.meta.url), {
    stdio: ["ignore", "pipe", "pipe", "ipc"],
    env: { ...process.env, SLUICE_MODEL_API_KEY: MARKERS.secret, ...variables },
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
  }
  let report: RunReport | undefined;
  child.on("message", (message) => {
    report = message as RunReport;
  });
  child.send(request);
  await once(child, "close");
  if (report === undefined) throw new Error(`the run ended without a report: ${output}`);
  return { ...report, output };
}
