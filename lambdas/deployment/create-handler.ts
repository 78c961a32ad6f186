import type { CloudFormationCustomResourceEvent, CloudFormationCustomResourceResponse } from "aws-lambda";
import type { Logger } from "../../src/core/runtime.ts";
import { addedSecrets, type SecretState, unusableSecrets } from "./check-secrets.ts";

export interface DeploymentProps {
  /** Gives a deployment its number. */
  readonly next: () => Promise<number>;
  /** Looks at a secret, without its value. */
  readonly look: (arn: string) => Promise<SecretState>;
  readonly logger: Logger;
  /** Before a second try to answer, in ms. @default 1_000 */
  readonly retryMs?: number;
}

type Answer = CloudFormationCustomResourceResponse;

const TRIES = 4;
const ANSWER_MS = 5_000;
/** The most that CloudFormation takes. */
const MAX_ANSWER_BYTES = 4_096;

/**
 * A custom resource of CloudFormation whose attribute `DeploySeq` is a new number for each deployment that changes
 * something. It fails a deployment whose property `Secrets` (`[{variable, arn}]`) names what no worker could read. Always
 * answers: a stack whose resource is silent waits for an hour
 * (docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref-responses.html).
 */
export function createHandler({ next, look, logger, retryMs = 1_000 }: DeploymentProps) {
  return async (event: CloudFormationCustomResourceEvent): Promise<void> => {
    const { RequestType, StackId, RequestId, LogicalResourceId } = event;
    const about = { StackId, RequestId, LogicalResourceId, PhysicalResourceId: "deployments" };
    let answer: Answer;
    try {
      // The number of a deletion is nobody's.
      const unusable = RequestType === "Delete" ? undefined : await unusableSecrets(addedSecrets(event), look);
      if (unusable !== undefined) {
        logger.warn("secrets are missing", { RequestId });
        answer = { Status: "FAILED", ...about, Reason: unusable };
      } else {
        const Data = RequestType === "Delete" ? {} : { DeploySeq: String(await next()) };
        answer = { Status: "SUCCESS", ...about, Data };
      }
    } catch (error) {
      const { name, message } = error as Error;
      logger.error("deployment not counted", { RequestId, error: name });
      answer = { Status: "FAILED", ...about, Reason: `the deployment could not be counted: ${name}: ${message}` };
    }
    await respond(event.ResponseURL, bounded(answer), retryMs);
  };
}

/** An answer that is too large would be no answer: the end of its reason is left out. */
function bounded(answer: Answer): string {
  let body = JSON.stringify(answer);
  let { Reason = "" } = answer;
  for (let over = excess(body); over > 0 && Reason !== ""; over = excess(body)) {
    // A character is at most three bytes: never more is left out than has to be.
    Reason = Reason.slice(0, -Math.ceil(over / 3));
    body = JSON.stringify({ ...answer, Reason: `${Reason}…` });
  }
  return body;
}

const excess = (body: string): number => Buffer.byteLength(body) - MAX_ANSWER_BYTES;

async function respond(url: string, body: string, retryMs: number): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      // The signed URL allows no content type.
      const headers = { "content-type": "", "content-length": String(Buffer.byteLength(body)) };
      const response = await fetch(url, { method: "PUT", body, headers, signal: AbortSignal.timeout(ANSWER_MS) });
      await response.body?.cancel();
      if (response.ok) return;
      throw new Error(`CloudFormation's answer was ${response.status}`);
    } catch (error) {
      if (tries === TRIES) throw error;
      await new Promise((resolve) => setTimeout(resolve, retryMs * 2 ** (tries - 1)));
    }
  }
}
