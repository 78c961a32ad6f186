import type { CloudFormationCustomResourceEvent, CloudFormationCustomResourceResponse } from "aws-lambda";
import type { Logger } from "../../src/core/runtime.ts";

export interface DeploymentProps {
  /** Gives a deployment its number. */
  readonly next: () => Promise<number>;
  readonly logger: Logger;
  /** Before a second try to answer, in ms. @default 1_000 */
  readonly retryMs?: number;
}

const TRIES = 4;
const ANSWER_MS = 5_000;

/**
 * A custom resource of CloudFormation whose attribute `DeploySeq` is a new number for each deployment that changes
 * something. Always answers: a stack whose resource is silent waits for an hour
 * (docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref-responses.html).
 */
export function createHandler({ next, logger, retryMs = 1_000 }: DeploymentProps) {
  return async (event: CloudFormationCustomResourceEvent): Promise<void> => {
    const { RequestType, StackId, RequestId, LogicalResourceId } = event;
    const about = { StackId, RequestId, LogicalResourceId, PhysicalResourceId: "deployments" };
    let answer: CloudFormationCustomResourceResponse;
    try {
      // The number of a deletion is nobody's.
      const Data = RequestType === "Delete" ? {} : { DeploySeq: String(await next()) };
      answer = { Status: "SUCCESS", ...about, Data };
    } catch (error) {
      const { name, message } = error as Error;
      logger.error("deployment not counted", { error: name });
      answer = { Status: "FAILED", ...about, Reason: `the deployment could not be counted: ${name}: ${message}` };
    }
    await respond(event.ResponseURL, answer, retryMs);
  };
}

async function respond(url: string, answer: CloudFormationCustomResourceResponse, retryMs: number): Promise<void> {
  const body = JSON.stringify(answer);
  for (let tries = 1; ; tries++) {
    try {
      // The signed URL allows no content type.
      const headers = { "content-type": "", "content-length": String(Buffer.byteLength(body)) };
      const response = await fetch(url, { method: "PUT", body, headers, signal: AbortSignal.timeout(ANSWER_MS) });
      if (response.ok) return;
      throw new Error(`CloudFormation's answer was ${response.status}`);
    } catch (error) {
      if (tries === TRIES) throw error;
      await new Promise((resolve) => setTimeout(resolve, retryMs * 2 ** (tries - 1)));
    }
  }
}
