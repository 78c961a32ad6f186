const NUMBER = String.raw`\d+(?:\.\d+)?`;
const SPOKEN: readonly (readonly [RegExp, string])[] = [
  [new RegExp(String.raw`(${NUMBER})\s*(?:%|percent)\s+of\s+(?=[\d(])`, "gi"), "$1 / 100 * "],
  [/(?<=[\d)])\s+(?:plus)\s+(?=[\d(])/gi, " + "],
  [/(?<=[\d)])\s+(?:minus)\s+(?=[\d(])/gi, " - "],
  [/(?<=[\d)])\s+(?:times|multiplied by)\s+(?=[\d(])/gi, " * "],
  [/(?<=[\d)])\s+(?:divided by|over)\s+(?=[\d(])/gi, " / "],
  [/(?<=[\d)])\s+to the power of\s+(?=[\d(])/gi, " ^ "],
  [new RegExp(String.raw`(?:the )?square root of\s+(${NUMBER})`, "gi"), "sqrt($1)"],
];
const CANDIDATE = /(?:(?<![^\s(])-)?(?:sqrt\(|[\d(])[\d\s.+\-*/^()]*[\d)]/g;
const DATE_OR_RANGE = /^\d+(?:\s?[-/]\s?\d+)+$|^\d+(?:\.\d+){2,}/;
const CUE = /(?:what(?:'s| is| are| does)|how (?:much|many)(?: is| are)?|calculate|compute|evaluate|result of|=)\s*$/i;

/**
 * The longest sum in a question, as an expression for the calculator; undefined when it has none. Restrained: a
 * date, a range, a version, a CIDR block or "24/7" is no sum, unless the question asks for its value outright.
 *
 * @example
 * arithmeticIn("what is 12*(3+4)?") // "12*(3+4)"
 * arithmeticIn("how much is 15% of 80") // "15 / 100 * 80"
 */
export function arithmeticIn(question: string): string | undefined {
  let text = question
    .replace(/(?<=\d),(?=\d{3}\b)/g, "")
    .replace(/[×·]/g, "*")
    .replace(/÷/g, "/")
    .replace(/[−–]/g, "-");
  for (const [spoken, written] of SPOKEN) text = text.replace(spoken, written);
  const found = [...text.matchAll(CANDIDATE)].flatMap((match) => {
    const before = text.slice(0, match.index);
    const after = text.slice(match.index + match[0].length);
    // Part of a name, an address or a list number, as in "v1.2-3" or "10.0.0.0/16".
    if (/[\p{L}\p{N}_./:#$-]$/u.test(before) || /^[\p{L}_:]|^[./-]\p{L}/u.test(after)) return [];
    const expression = match[0].trim();
    if (!isExpression(expression)) return [];
    const asked = CUE.test(before) && /^\s*(?:[?.!,;=]|and\b|$)/i.test(after);
    return DATE_OR_RANGE.test(expression) && !(asked && isSpaced(expression)) ? [] : [expression];
  });
  return found.sort((a, b) => b.length - a.length)[0];
}

/** "10 / 4" and "10 - 4" are written by people who mean a sum; "24/7" and "3-5" need not be. */
const isSpaced = (expression: string): boolean => /\s[-/]\s/.test(expression);

/** Whether the text is an operation on numbers with balanced brackets. Reduces it step by step to one number. */
function isExpression(text: string): boolean {
  let rest = text.replace(/\s*([-+*/^()])\s*/g, "$1").replaceAll("**", "^");
  if (!/[-+*/^]|sqrt/.test(rest)) return false;
  const operation = new RegExp(String.raw`(?<![\d.])-?${NUMBER}(?![\d.])(?:[-+*/^]-?${NUMBER}(?![\d.]))+`, "g");
  const bracket = new RegExp(String.raw`(?:sqrt)?\(-?${NUMBER}\)`, "g");
  for (let before = ""; before !== rest; ) {
    before = rest;
    rest = rest.replace(operation, "1").replace(bracket, "1");
  }
  return rest === "1";
}
