/** The question in a request's body; undefined where it is not what the route takes. */
export function questionIn(body: unknown): string | undefined {
  const question = (body as { question?: unknown } | undefined)?.question;
  return typeof question === "string" && question.length > 0 && question.length <= 2_000 ? question : undefined;
}
