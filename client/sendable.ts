import { OptionError } from "./errors.ts";

/** Whether requests can be made of what the caller gave: checked before any is sent, so that it never counts as a server that was not reached. */

/** The URL below which the API is, with the `/` that it ends in. Throws {@link OptionError}. */
export function baseOf(url: string | URL): URL {
  // In a page, a path is below the page's own site.
  const site = (globalThis as { location?: { href: string } }).location?.href;
  if (!URL.canParse(String(url), site)) throw new OptionError("the server's url is no URL");
  const base = new URL(url, site);
  if (base.protocol !== "http:" && base.protocol !== "https:") {
    throw new OptionError(`the server's url must be http or https; got ${base.protocol}`);
  }
  if (base.username !== "" || base.password !== "") {
    throw new OptionError("the server's url must have no user and no password in it: a key stands for a tenant");
  }
  if (!base.pathname.endsWith("/")) base.pathname += "/";
  return base;
}

/** Throws {@link OptionError} where no header can have this value: it has a line break, or a character beyond Latin-1. */
export function checkHeader(value: string, what: string): void {
  try {
    new Headers([["x", value]]);
  } catch {
    // The runtime's error quotes the value.
    throw new OptionError(`the ${what} has a line break, or a character that no header can have`);
  }
}
