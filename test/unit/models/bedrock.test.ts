import { afterEach, describe, expect, it, vi } from "vitest";
import { completion } from "../../../src/capabilities/completion.ts";
import { stepContext } from "../capabilities/step-context.ts";
import { answer, bedrockServer } from "./bedrock-server.ts";

const SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

/** The environment that a Lambda function has from its role. */
function asOnLambda(url: string): void {
  vi.stubEnv("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", url);
  vi.stubEnv("AWS_BEARER_TOKEN_BEDROCK", undefined);
  vi.stubEnv("AWS_REGION", "eu-central-1");
  vi.stubEnv("AWS_ACCESS_KEY_ID", "ASIAIOSFODNN7EXAMPLE");
  vi.stubEnv("AWS_SECRET_ACCESS_KEY", SECRET);
  vi.stubEnv("AWS_SESSION_TOKEN", "a-session-token");
}
afterEach(() => vi.unstubAllEnvs());

const run = async (model: string, context = stepContext({ model })) =>
  completion.run(completion.input.parse({ prompt: "Hello?" }), context);

describe("a completion by Bedrock", () => {
  it.each([
    "amazon.nova-lite-v1:0",
    "eu.anthropic.claude-sonnet-4-5-20250929-v1:0",
    "global.anthropic.claude-haiku-5-5",
    "arn:aws:bedrock:eu-central-1:111122223333:application-inference-profile/a1b2c3d4",
    "arn:aws:bedrock:eu-central-1:111122223333:inference-profile/eu.amazon.nova-lite-v1:0",
  ])("streams from %s, signed with the role's credentials", async (id) => {
    await using server = await bedrockServer(SECRET, answer("Good", " morning"));
    asOnLambda(server.url);
    const context = stepContext({ model: `bedrock:${id}` });
    expect(await run(`bedrock:${id}`, context)).toMatchObject({
      text: "Good morning",
      finishReason: "stop",
      model: `bedrock:${id}`,
      usage: { inputTokens: 7, outputTokens: 3 },
    });
    expect(context.chunks).toEqual(["Good", " morning"]);
    expect(server.requests).toHaveLength(1);
    const [request] = server.requests;
    expect(request).toMatchObject({ model: id, signed: true });
    expect(request?.path).toBe(`/model/${encodeURIComponent(id)}/converse-stream`);
    expect(request?.headers["x-amz-security-token"]).toBe("a-session-token");
    expect(request?.headers.authorization).toMatch(/Credential=ASIAIOSFODNN7EXAMPLE\/\d{8}\/eu-central-1\/bedrock\//);
    expect(request?.headers.authorization).toMatch(/SignedHeaders=[^,]*x-amz-security-token/);
  });

  it("uses the credentials that the environment has at the call: a role's change while a process lives", async () => {
    await using server = await bedrockServer("second", answer("x"));
    asOnLambda(server.url);
    await run("bedrock:amazon.nova-lite-v1:0");
    vi.stubEnv("AWS_SECRET_ACCESS_KEY", "second");
    vi.stubEnv("AWS_SESSION_TOKEN", "renewed");
    await run("bedrock:amazon.nova-lite-v1:0");
    expect(server.requests.map(({ signed }) => signed)).toEqual([false, true]);
    expect(server.requests[1]?.headers["x-amz-security-token"]).toBe("renewed");
  });
});
