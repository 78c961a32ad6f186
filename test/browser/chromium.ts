import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { type Browser, chromium, type Page } from "playwright-core";

const EXECUTABLE = process.env.CHROMIUM ?? "/usr/bin/chromium";

/** Pages of an origin of their own, in Chromium: their requests go through its checks of origins. */
export interface PageServer {
  readonly origin: string;
  open(): Promise<Page>;
  close(): Promise<void>;
}

export const startChromium = (): Promise<Browser> =>
  chromium.launch({ executablePath: EXECUTABLE, args: ["--no-sandbox"] });

/** Serves an empty page on a free port of 127.0.0.1. */
export async function servePage(browser: Browser): Promise<PageServer> {
  const server = createServer((_, response) => {
    response
      .writeHead(200, { "content-type": "text/html" })
      .end("<!doctype html><title>A page of another origin</title>");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    origin,
    async open() {
      const page = await browser.newPage();
      await page.goto(origin);
      return page;
    },
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}
