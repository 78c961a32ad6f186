/**
 * How queues are called on SQS: derived from the instance's prefix and core's name of a queue, so that what runs needs
 * to be told one prefix, however many capabilities an app has. A queue's name has at most 80 characters of A-Z, a-z,
 * 0-9, '-' and '_' (docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-queues.html).
 */
export const MAX_QUEUE_PREFIX = 24;

/** `retrieval` and `analysis.advance` become `<prefix>-retrieval` and `<prefix>-analysis_advance`: names have no '_', so none clash. */
export const sqsQueueName = (prefix: string, queue: string): string => `${prefix}-${sqsSuffix(queue)}`;

/** Where messages of the queue wait for a person. */
export const sqsDeadLetterQueueName = (prefix: string, queue: string): string =>
  `${prefix}-${sqsDeadLetterSuffix(queue)}`;

/** What follows the prefix and its '-'. */
export const sqsSuffix = (queue: string): string => queue.replaceAll(".", "_");
export const sqsDeadLetterSuffix = (queue: string): string => `${sqsSuffix(queue)}_dead`;
