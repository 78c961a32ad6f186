import { MAX_WAIT_S } from "../../src/contract/api.ts";

const TOKEN = "[!#$%&'*+.^_`|~0-9a-z-]+";
const WORD = `(?:${TOKEN}|"(?:[^"\\\\]|\\\\.)*")`;
/** `name`, `name=value`, each with parameters after `;`, which `wait` has none of (RFC 7240, section 2). */
const PREFERENCE = new RegExp(
  `^(${TOKEN})(?:\\s*=\\s*(${WORD}))?(?:\\s*;(?:\\s*${TOKEN}(?:\\s*=\\s*${WORD})?)?)*\\s*$`,
  "i",
);
/** Commas between preferences, not those in quotes. */
const ELEMENT = /(?:[^,"]|"(?:[^"\\]|\\.)*"?)+/g;

/**
 * For how long an answer is to wait by a `Prefer` header, in s; undefined where it is not to wait. The first `wait` counts
 * (RFC 7240, section 2); what is malformed is as if it were not there. Beside `respond-async` it says for how long that may
 * take (section 4.3).
 */
export function preferredWaitS(header: string | undefined): number | undefined {
  for (const element of header?.match(ELEMENT) ?? []) {
    const [, name, value = ""] = PREFERENCE.exec(element.trim()) ?? [];
    if (name?.toLowerCase() !== "wait") continue;
    const seconds = value.replace(/^"(.*)"$/, "$1");
    if (/^\d{1,9}$/.test(seconds)) return Number(seconds) === 0 ? undefined : Math.min(Number(seconds), MAX_WAIT_S);
  }
  return undefined;
}
