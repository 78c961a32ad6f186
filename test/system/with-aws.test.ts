import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";

const SCRIPT = join(resolve(import.meta.dirname, "../.."), ".github/with-aws.sh");
const SHOW = `
  const { AWS_WEB_IDENTITY_TOKEN_FILE: file, AWS_ROLE_ARN: role } = process.env;
  console.log(JSON.stringify({ file, role, token: require("node:fs").readFileSync(file, "utf8") }));
  process.exitCode = 3;`;

/** The part of GitHub that gives tokens to jobs. */
let github: Server;
let given = 0;
beforeAll(async () => {
  github = createServer(({ headers, url = "" }, response) => {
    const { searchParams } = new URL(url, "http://github");
    if (headers.authorization !== "bearer of-the-job") return void response.writeHead(401).end();
    given += 1;
    response.end(JSON.stringify({ value: `token ${given} for ${searchParams.get("audience")}` }));
  }).listen(0, "127.0.0.1");
  await once(github, "listening");
});
afterAll(() => github.close());

async function withAws(token: string): Promise<{ readonly code: number | null; readonly said: string }> {
  const { port } = github.address() as AddressInfo;
  const child = spawn(SCRIPT, [process.execPath, "-e", SHOW], {
    env: {
      PATH: process.env.PATH,
      AWS_ROLE_ARN: "arn:aws:iam::000000000000:role/deploy",
      ACTIONS_ID_TOKEN_REQUEST_TOKEN: token,
      ACTIONS_ID_TOKEN_REQUEST_URL: `http://127.0.0.1:${port}/token?api-version=2.0`,
    },
    stdio: ["ignore", "pipe", "ignore"],
  });
  let said = "";
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
    said += chunk;
  });
  const [code] = (await once(child, "close")) as [number | null];
  return { code, said };
}

test("each command gets a token of its own, which is gone afterwards, and ends as it does by itself", async () => {
  for (const number of [1, 2]) {
    const { code, said } = await withAws("of-the-job");
    const { file, role, token } = JSON.parse(said) as Record<string, string>;
    expect({ code, role, token }).toEqual({
      code: 3,
      role: "arn:aws:iam::000000000000:role/deploy",
      token: `token ${number} for sts.amazonaws.com`,
    });
    expect(existsSync(file ?? "")).toBe(false);
  }
});

test("nothing runs without a token", async () => {
  const { code, said } = await withAws("of-nobody");
  expect(code).not.toBe(0);
  expect(code).not.toBe(3);
  expect(said).toBe("");
});
