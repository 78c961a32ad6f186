import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { expect, test } from "vitest";
import { Caller, FAULTY_APP, ServerProcess, temporaryFolder } from "./server.ts";

const app = ["--app", FAULTY_APP];

test("an unknown model name ends the start and names the known ones", async () => {
  const { code, text } = await ServerProcess.fails(["--memory", "--model", "gpt-99"]);
  expect(code).toBe(1);
  expect(text).toContain("gpt-99");
  for (const known of ["embedded:extractive", "bedrock:", "openai:", "anthropic:", "openai-compatible:"]) {
    expect(text).toContain(known);
  }
});

test("a corpus that cannot be read ends the start", async () => {
  using folder = temporaryFolder();
  const missing = join(folder.path, "nowhere");
  const { code, text } = await ServerProcess.fails(["--memory", "--corpus", missing]);
  expect({ code, named: text.includes(missing) }).toEqual({ code: 1, named: true });
  const empty = await ServerProcess.fails(["--memory", "--corpus", folder.path]);
  expect(empty.code).toBe(1);
  expect(empty.text).toContain(folder.path);
});

test.each([
  ["throws", "throw new Error('no luck');", "no luck"],
  ["is no TypeScript", "const = ;", "does not load"],
  ["exports something else", "export default { workflows: [] };", "defineApp"],
  ["exports nothing", "export const app = 1;", "no default export"],
])("an app module that %s ends the start", async (_, source, said) => {
  using folder = temporaryFolder();
  const file = join(folder.path, "app.ts");
  writeFileSync(file, source);
  const { code, text } = await ServerProcess.fails(["--memory", "--app", file]);
  expect(code).toBe(1);
  expect(text).toContain(said);
});

test("a port that is taken ends the start", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  try {
    const { port } = server.address() as AddressInfo;
    const { code, text } = await ServerProcess.fails(["--memory", ...app, "--port", String(port)]);
    expect(code).toBe(1);
    expect(text).toMatch(new RegExp(`port ${port}.*taken`));
  } finally {
    server.close();
  }
});

test("a data file of another version ends the start and is left as it was", async () => {
  using folder = temporaryFolder();
  const first = await ServerProcess.start("--data", folder.path, ...app);
  await first.stop("SIGTERM");
  const db = new DatabaseSync(join(folder.path, "sluice.db"));
  db.exec("PRAGMA user_version = 99");
  db.close();
  const { code, text } = await ServerProcess.fails(["--data", folder.path, ...app]);
  expect(code).toBe(1);
  expect(text).toMatch(/format 99.*reads format 1/);
  const after = new DatabaseSync(join(folder.path, "sluice.db"));
  expect(after.prepare("PRAGMA user_version").get()).toEqual({ user_version: 99 });
  after.close();
});

test("a data directory that another process has open ends the start, and the other goes on", async () => {
  using folder = temporaryFolder();
  const first = await ServerProcess.start("--data", folder.path, ...app);
  try {
    const { code, text } = await ServerProcess.fails(["--data", folder.path, "--port", "0", ...app]);
    expect(code).toBe(1);
    expect(text).toContain("in use by another");
    expect((await new Caller(first.url).get("/healthz")).status).toBe(200);
  } finally {
    await first.stop("SIGKILL");
  }
});

test("another host without keys is refused; with keys, only /healthz is open and the key says the tenant", async () => {
  const open = await ServerProcess.fails(["--memory", "--host", "0.0.0.0", ...app]);
  expect(open.code).toBe(2);
  expect(open.text).toContain("--keys");
  using folder = temporaryFolder();
  const keys = join(folder.path, "keys.json");
  writeFileSync(keys, JSON.stringify({ keys: [{ tenant: "acme", sha256: await digest("secret-1") }] }));
  const server = await ServerProcess.start("--memory", "--host", "0.0.0.0", "--keys", keys, ...app);
  try {
    expect((await new Caller(server.url).get("/healthz")).status).toBe(200);
    const refused = await new Caller(server.url, { "x-tenant-id": "acme" }).get("/v1/jobs");
    expect(refused.status).toBe(401);
    expect(refused.headers.get("www-authenticate")).toBe("Bearer");
    const wrong = await new Caller(server.url, { authorization: "Bearer guess" }).get("/v1/jobs");
    expect(wrong.status).toBe(401);
    const owner = new Caller(server.url, { authorization: "Bearer secret-1", "x-tenant-id": "other" });
    const job = await owner.run("echoes", { text: "hi" });
    expect((await owner.events(job.id))[0]).toMatchObject({ tenant: "acme" });
  } finally {
    await server.stop("SIGKILL");
  }
});

async function digest(key: string): Promise<string> {
  const bytes = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(key));
  return Buffer.from(bytes).toString("hex");
}
