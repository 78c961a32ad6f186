/** Where a redrive by filter goes on. To callers it is opaque. */
export interface RedrivePlace {
  /** Of the list; undefined: at its beginning. */
  readonly list: string | undefined;
  /** For when the last one was scheduled, in epoch ms; undefined before the first. */
  readonly lastMs: number | undefined;
}

const PLACE = /^(.+)~(\d{1,15})$/;

export const redriveCursor = (list: string, lastMs: number | undefined): string =>
  lastMs === undefined ? list : `${list}~${lastMs}`;

/** What is no cursor of ours is left to the list, which says so. */
export function redrivePlaceOf(cursor: string | undefined): RedrivePlace {
  const [, list, lastMs] = PLACE.exec(cursor ?? "") ?? [];
  return list === undefined ? { list: cursor, lastMs: undefined } : { list, lastMs: Number(lastMs) };
}
