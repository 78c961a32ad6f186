import { afterEach, describe, expect, it, vi } from "vitest";
import { completion } from "../../../src/capabilities/completion.ts";
import { HeldError, TerminalError, ThrottledError } from "../../../src/core/retry.ts";
import { stepContext } from "../capabilities/step-context.ts";
import { answer, bedrockServer, breakOff, refuse } from "./bedrock-server.ts";

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

const SONNET = "anthropic.claude-sonnet-4-6";
const ROLE = "arn:aws:sts::111122223333:assumed-role/worker/f";
const HAIKU = "arn:aws:bedrock:eu-south-1::foundation-model/anthropic.claude-haiku-5-5";
const STREAM = "bedrock:InvokeModelWithResponseStream";

async function errorOf(handle: Parameters<typeof bedrockServer>[1], id = `eu.${SONNET}`): Promise<Error> {
  await using server = await bedrockServer(SECRET, handle);
  asOnLambda(server.url);
  const error = await run(`bedrock:${id}`).then(
    () => expect.fail("no error"),
    (thrown: unknown) => thrown,
  );
  expect(server.requests).toHaveLength(1);
  return error as Error;
}

describe("a refusal by Bedrock", () => {
  it.each([
    [
      "without access to the model",
      403,
      "You don't have access to the model with the specified model ID.",
      [/eu\.anthropic\.claude-sonnet-4-6 in eu-central-1/],
    ],
    [
      "before Anthropic's form, as a 404",
      404,
      "Model use case details have not been submitted for this account. Fill out the Anthropic use case details form before using the model.",
      [/use-case form once/, /PutUseCaseForModelAccess/],
    ],
    [
      "without a subscription",
      403,
      "Model access is denied due to IAM user or service role is not authorized to perform the required AWS Marketplace actions (aws-marketplace:ViewSubscriptions, aws-marketplace:Subscribe) to enable access to this model.",
      [/aws-marketplace:Subscribe and aws-marketplace:ViewSubscriptions/, /The workers need neither/],
    ],
    [
      "without a way to pay",
      403,
      "Model access is denied due to INVALID_PAYMENT_INSTRUMENT:A valid payment instrument must be provided.",
      [/payment method/],
    ],
    [
      "by a policy of the organization",
      403,
      `User: ${ROLE} is not authorized to perform: ${STREAM} on resource: ${HAIKU} with an explicit deny in a service control policy`,
      [/denies bedrock:InvokeModelWithResponseStream on \S+haiku-5-5/, /every region/],
    ],
    [
      "with credentials that have expired",
      403,
      "The security token included in the request is expired",
      [/AWS_SESSION_TOKEN/],
    ],
  ])("%s waits for a person, and says what to do", async (_, status, message, hints) => {
    const error = await errorOf(
      refuse(status, status === 404 ? "ResourceNotFoundException" : "AccessDeniedException", message),
    );
    expect(error).toBeInstanceOf(HeldError);
    expect(error.message).toContain(`answered ${status}: ${message.replace(/\.$/, "")}`);
    for (const hint of hints) expect(error.message).toMatch(hint);
    expect(error.message).toMatch(/Then redrive the step$/);
  });

  it.each(["message", "Message"] as const)(
    "by IAM names the action and the resource that are missing (%s)",
    async (key) => {
      const denied = `User: ${ROLE} is not authorized to perform: ${STREAM} on resource: ${HAIKU} because no identity-based policy allows it`;
      const error = await errorOf(refuse(403, "AccessDeniedException", denied, key));
      expect(error).toBeInstanceOf(HeldError);
      expect(error.message).toContain(`Allow the worker's role ${STREAM} on ${HAIKU}`);
    },
  );

  it.each([
    [
      "an id that needs a profile",
      SONNET,
      "Invocation of model ID anthropic.claude-sonnet-4-6 with on-demand throughput isn\u2019t supported. Retry your request with the ID or ARN of an inference profile that contains this model.",
      /bedrock:eu\.anthropic\.claude-sonnet-4-6/,
    ],
    [
      "an id that the region does not have",
      "eu.acme.m1",
      "The provided model identifier is invalid.",
      /eu-central-1 offers no model or inference profile eu\.acme\.m1/,
    ],
    ["another bad request", SONNET, "max_tokens: 9 is too large", /answered 400: max_tokens/],
  ])("of %s is final, not held", async (_, id, message, hint) => {
    const error = await errorOf(refuse(400, "ValidationException", message), id);
    expect(error).toBeInstanceOf(TerminalError);
    expect(error).not.toBeInstanceOf(HeldError);
    expect(error.message).toMatch(hint);
  });

  it.each([
    ["ThrottlingException", refuse(429, "ThrottlingException", "Too many tokens, please wait before trying again.")],
    ["ModelNotReadyException", refuse(429, "ModelNotReadyException", "The model is not ready.")],
    ["ServiceUnavailableException", refuse(503, "ServiceUnavailableException", "Try again.")],
    ["ServiceQuotaExceededException", refuse(400, "ServiceQuotaExceededException", "Your request exceeds the quota.")],
    ["throttling in the middle of a stream", breakOff("throttlingException", "Too many requests.")],
  ])("by %s costs no attempt", async (_, handle) => {
    expect(await errorOf(handle)).toBeInstanceOf(ThrottledError);
  });

  it.each(["AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"])(
    "waits for a person without %s",
    async (name) => {
      asOnLambda("http://127.0.0.1:1");
      vi.stubEnv(name, undefined);
      const error = await Promise.resolve(run("bedrock:amazon.nova-lite-v1:0")).catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(HeldError);
      expect((error as Error).message).toContain(name);
    },
  );
});
