import { z } from "zod";

/** One thing wrong with a request, and where: a JSON pointer into the body (RFC 6901) or a parameter's name. */
export const Violation = z.object({ path: z.string(), message: z.string() });
export type Violation = z.infer<typeof Violation>;

/** A problem document (RFC 9457): what happened, what was got, what is allowed. */
export const Problem = z
  .object({
    type: z.string().describe("A URI reference that names the kind of problem"),
    title: z.string(),
    status: z.number().int(),
    detail: z.string(),
    errors: z.array(Violation).optional().describe("Every violation, not only the first"),
    requestId: z.string().optional(),
  })
  .meta({ id: "Problem", description: "A problem document (RFC 9457)." });
export type Problem = z.infer<typeof Problem>;

export const PROBLEM_MEDIA_TYPE = "application/problem+json";

/** An error that a caller may see as it is. Anything else becomes a 500 without internals. */
export class ProblemError extends Error {
  override readonly name = "ProblemError";
  readonly problem: Problem;
  readonly headers: Readonly<Record<string, string>>;

  constructor(problem: Omit<Problem, "type"> & { type?: string }, headers: Readonly<Record<string, string>> = {}) {
    super(problem.detail);
    this.problem = { type: `/problems/${slug(problem.title)}`, ...problem };
    this.headers = headers;
  }
}

const slug = (title: string): string => title.toLowerCase().replace(/[^a-z0-9]+/g, "-");

/** Violations of a zod schema, each with its path under `root`. */
export function violations(error: z.ZodError, root = ""): Violation[] {
  return error.issues.map((issue) => ({
    path: [root, ...issue.path.map((part) => String(part).replaceAll("~", "~0").replaceAll("/", "~1"))].join("/"),
    message: issue.message,
  }));
}
