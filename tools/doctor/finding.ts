/** What a check found, in a line. */
export interface Finding {
  readonly level: "OK" | "WARN" | "FAIL";
  /** What was looked at, in a word or two. */
  readonly about: string;
  readonly text: string;
  /** What puts it right. */
  readonly fix?: string;
}

export const ok = (about: string, text: string): Finding => ({ level: "OK", about, text });
export const warn = (about: string, text: string, fix?: string): Finding => finding("WARN", about, text, fix);
export const fail = (about: string, text: string, fix?: string): Finding => finding("FAIL", about, text, fix);

const finding = (level: Finding["level"], about: string, text: string, fix: string | undefined): Finding => ({
  level,
  about,
  text,
  ...(fix === undefined ? {} : { fix }),
});

/**
 * Makes a check. One that may not be made, or that a service does not answer, is no failure: a deployment may have other
 * permissions than the person who asks.
 *
 * @param permission that it takes
 */
export async function look(about: string, permission: string, check: () => Promise<Finding[]>): Promise<Finding[]> {
  try {
    return await check();
  } catch (error) {
    const { name, message } = error as Error;
    if (isDenied(error as Error)) return [warn(about, `could not be checked: needs permission ${permission}`)];
    return [warn(about, `could not be checked: ${name}: ${message}`)];
  }
}

export const isDenied = ({ name }: Error): boolean => /AccessDenied|NotAuthorized|UnauthorizedOperation/.test(name);

/** A finding as it is printed. */
export function lineOf({ level, about, text, fix }: Finding): string {
  return `${level.padEnd(4)}  ${about.padEnd(14)}  ${text}${fix === undefined ? "" : `. Fix: ${fix}`}`;
}
