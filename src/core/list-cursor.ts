import { BadCursorError, type Head } from "./ports.ts";

/** Where a list of jobs goes on: right after this one. */
export type ListPlace = Pick<Head, "createdAt" | "jobId">;

const PLACE = /^(\d{4}-\d\d-\d\dT[\d:.]+Z) (job_[a-z2-7]{26})$/;

/** What callers pass back to go on after a job. To them it is opaque. */
export const cursorAfter = ({ createdAt, jobId }: ListPlace): string =>
  Buffer.from(`${createdAt} ${jobId}`).toString("base64url");

/** Throws {@link BadCursorError} for what {@link cursorAfter} never gave out. */
export function placeOf(cursor: string): ListPlace {
  const text = Buffer.from(cursor, "base64url").toString();
  const [, createdAt, jobId] = PLACE.exec(text) ?? [];
  if (createdAt !== undefined && jobId !== undefined && Buffer.from(text).toString("base64url") === cursor) {
    return { createdAt, jobId: jobId as ListPlace["jobId"] };
  }
  throw new BadCursorError(
    `${JSON.stringify(cursor)} is no cursor of this list; pass "next" of an earlier page as it is`,
  );
}
