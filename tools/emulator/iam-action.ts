/** Operations that are allowed under another name (docs.aws.amazon.com/service-authorization/latest/reference). */
const OTHERS: Readonly<Record<string, string>> = {
  "sqs:DeleteMessageBatch": "sqs:DeleteMessage",
  "sqs:SendMessageBatch": "sqs:SendMessage",
  "sqs:ChangeMessageVisibilityBatch": "sqs:ChangeMessageVisibility",
  "s3:HeadObject": "s3:GetObject",
  "s3:ListObjectsV2": "s3:ListBucket",
  "s3:ListObjects": "s3:ListBucket",
  "s3:HeadBucket": "s3:ListBucket",
  "s3:DeleteObjects": "s3:DeleteObject",
  "bedrock:Converse": "bedrock:InvokeModel",
  "bedrock:ConverseStream": "bedrock:InvokeModelWithResponseStream",
};

/** What a policy must allow for an operation: `iamAction("sqs", "DeleteMessageBatch")` is `sqs:DeleteMessage`. */
export function iamAction(service: string, operation: string): string {
  const name = `${service}:${operation}`;
  return OTHERS[name] ?? name;
}
