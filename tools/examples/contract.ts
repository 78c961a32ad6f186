import type { Stand } from "./stand.ts";

/** What an old client may send to `/analyze`, and sees. Each is asked in every step that promises the same answers. */
const REQUESTS: Readonly<Record<string, RequestInit & { readonly path?: string }>> = {
  "a question with two calculations": json({
    question: "How long do I have for returns, and what is 3 * 12 and 4 + 5?",
  }),
  "a question that needs no tool": json({ question: "When do deliveries leave?" }),
  "the same question again": json({ question: "When do deliveries leave?" }),
  "a question in another language": json({ question: "Où? 12 * 12 — 東京" }),
  "a question that the model refuses": json({ question: "unspeakable" }),
  "a question whose tool fails": json({ question: "What is 3 * 12, scribbled?" }),
  "an empty question": json({ question: "" }),
  "a question that is too long": json({ question: "x".repeat(2_001) }),
  "a number for a question": json({ question: 5 }),
  "no question": json({}),
  "broken JSON": { method: "POST", headers: { "content-type": "application/json" }, body: '{"question' },
  "a text": { method: "POST", headers: { "content-type": "text/plain" }, body: "When?" },
  "no body": { method: "POST" },
  "another method": { method: "GET" },
  "another path": { ...json({ question: "When?" }), path: "/analyse" },
};

function json(body: unknown): RequestInit {
  return { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
}

/** Everything of an answer that a client can see, byte for byte, but for the time of day. */
export interface Seen {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** What an old client sees of a service, by the name of what it sent. */
export async function seenByOldClient(stand: Stand): Promise<Readonly<Record<string, Seen>>> {
  const seen: Record<string, Seen> = {};
  for (const [what, { path = "/analyze", ...init }] of Object.entries(REQUESTS)) {
    // A connection of its own: which one is closed meanwhile is not part of the contract.
    const headers = { ...init.headers, connection: "close" };
    const response = await fetch(stand.serviceUrl + path, { ...init, headers });
    const { date: _, ...rest } = Object.fromEntries(response.headers);
    seen[what] = { status: response.status, headers: rest, body: await response.text() };
  }
  return seen;
}
