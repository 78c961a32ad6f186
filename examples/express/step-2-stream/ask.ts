import { follow } from "./follow.ts";

/** `node step-2-stream/ask.ts "How long do I have for returns, and what is 3 * 12?"` */
const BASE = process.env.SERVICE_URL ?? "http://127.0.0.1:3000";

const response = await fetch(`${BASE}/analyses`, {
  method: "POST",
  headers: { "content-type": "application/json", "idempotency-key": crypto.randomUUID() },
  body: JSON.stringify({ question: process.argv[2] }),
});
if (response.status !== 202) throw new Error(`the service answered ${response.status}: ${await response.text()}`);
const { events } = (await response.json()) as { events: string };
const result = await follow(BASE + events, {
  onText: (text) => process.stdout.write(text),
  onAnew: () => process.stdout.write("\n[once more]\n"),
});
console.log(`\n${JSON.stringify(result, null, 2)}`);
