/** Words that say nothing about what a text is about: left out of queries and of comparisons. */
export const STOP_WORDS: ReadonlySet<string> = new Set(
  `a about an and any are as at be been being but by can could did do does for from get give had has have how i if in
  into is it its just let like may me might more most much must my need no not of on or our out over please shall she
  should so some such tell than that the their them then there these they this those to up us use used using want was
  way we were what when where which while who why will with would you your`.split(/\s+/),
);

const WORD = /[\p{L}\p{N}][\p{L}\p{N}\p{M}]*/gu;

/** The words of a text in their order, in lower case. Anything but letters, digits and accents separates words. */
export function words(text: string): string[] {
  return text.toLowerCase().match(WORD) ?? [];
}
