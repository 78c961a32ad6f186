/** A time as logs and answers have it: RFC 3339, UTC, milliseconds. */
export const iso = (epochMs: number): string => new Date(epochMs).toISOString();
