/** An error that Bedrock answered. */
export interface BedrockError {
  readonly status: number;
  /** Such as `AccessDeniedException`; empty where none was given. */
  readonly type: string;
  readonly message: string;
}

/** What a refusal means, and what to do about it. */
export interface BedrockRefusal {
  /** `held`: a person has to put something right in the account, then the same request works. */
  readonly kind: "held" | "terminal" | "throttled";
  readonly hint: string;
}

const FORM =
  "Submit Anthropic's use-case form once for the account: in the Bedrock console, open any Anthropic model of the catalog, or PutUseCaseForModelAccess; it takes up to 15 minutes";
const UNAUTHORIZED = /not authorized to perform:? (\S+)(?: on(?: the)? resource:? (\S+))?/i;

/**
 * Says what Bedrock's refusal of a model (id or ARN) in a region asks for, as far as its message points at it.
 * Undefined for an error that means what its status says.
 */
export function bedrockRefusal(error: BedrockError, model: string, region = "its region"): BedrockRefusal | undefined {
  const { status, type, message } = error;
  // Comes as a 404 as well as a 403.
  if (/use.?case (?:details|form)|request form/i.test(message)) return { kind: "held", hint: FORM };
  if (status === 401 || status === 403) return { kind: "held", hint: deniedHint(type, message, model, region) };
  if (type === "ServiceQuotaExceededException") {
    return {
      kind: "throttled",
      hint: `a quota of the account is used up in ${region}: see Service Quotas, Amazon Bedrock`,
    };
  }
  if (/on-demand throughput isn.t supported/i.test(message)) {
    return {
      kind: "terminal",
      hint: `${model} is called through an inference profile only: name one that is offered in ${region}, such as bedrock:us.${model}, bedrock:eu.${model} or bedrock:global.${model}`,
    };
  }
  if (/model identifier is invalid/i.test(message)) {
    return { kind: "terminal", hint: `${region} offers no model or inference profile ${model}` };
  }
  return undefined;
}

function deniedHint(type: string, message: string, model: string, region: string): string {
  if (/INVALID_PAYMENT_INSTRUMENT/i.test(message)) {
    return `Give the account a valid payment method: ${model} is sold through AWS Marketplace`;
  }
  if (/marketplace/i.test(message)) {
    return (
      `Subscribe the account to ${model} once: call it in the Bedrock console with an identity that may do aws-marketplace:Subscribe ` +
      "and aws-marketplace:ViewSubscriptions. The workers need neither"
    );
  }
  const [, action, resource] = UNAUTHORIZED.exec(message) ?? [];
  if (action !== undefined) {
    const what = `${action}${resource === undefined ? "" : ` on ${resource}`}`;
    if (/explicit deny|service control policy|permissions boundary/i.test(message)) {
      return `A policy of the account or organization denies ${what}: a service control policy must allow every region of an inference profile, and "unspecified" for a global one`;
    }
    return `Allow the worker's role ${what}: deploy with this model in the app's model or models; if it is there, a region has been added to its inference profile`;
  }
  if (/token|signature|credential|access key/i.test(`${type} ${message}`)) {
    return "The AWS credentials are wrong or have expired: renew AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN";
  }
  return `Enable access to ${model} in ${region} for this account: in the Bedrock console, open it in the model catalog`;
}
