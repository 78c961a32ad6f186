import { expect, test } from "vitest";
import { CorsSettings } from "../../../src/contract/cors.ts";
import { isAllowedOrigin } from "../../../src/host/allowed-origin.ts";

const listed = CorsSettings.parse({ origins: ["https://app.example.org"] });
const any = CorsSettings.parse({ origins: ["*"] });
const HOST = "127.0.0.1:8787";
const may = (origin: string | undefined, rules: { cors?: typeof listed; keyless?: boolean } = {}): boolean =>
  isAllowedOrigin(
    { headers: { host: HOST, ...(origin === undefined ? {} : { origin }) } },
    { cors: rules.cors, keyless: rules.keyless ?? false },
  );

test("a program, which sends no Origin, may", () => {
  expect(may(undefined)).toBe(true);
});

test("the server's own pages may, also where upper-case letters are in its name", () => {
  expect(may(`http://${HOST}`)).toBe(true);
  const headers = { host: "Sluice.Example.ORG", origin: "https://sluice.example.org" };
  expect(isAllowedOrigin({ headers }, { cors: undefined, keyless: false })).toBe(true);
});

test.each(["http://localhost:5173", "http://127.0.0.1:9", "http://[::1]:5173"])(
  "a page of this machine, %s, may only where there are no keys",
  (origin) => {
    expect([may(origin, { keyless: true }), may(origin)]).toEqual([true, false]);
  },
);

test.each([
  "https://app.example.org.evil.example",
  "http://app.example.org",
  "https://app.example.org:444",
  "https://localhost.evil.example",
  "https://127.0.0.1.evil.example",
  "https://evil.example/127.0.0.1",
  "null",
  "",
  "file://",
])("a page of %j may not, with keys or without", (origin) => {
  expect(may(origin, { cors: listed })).toBe(false);
  expect(may(origin, { cors: listed, keyless: true })).toBe(false);
});

test("pages of listed origins may, and of all where all are", () => {
  expect(may("https://app.example.org", { cors: listed })).toBe(true);
  expect(may("https://evil.example", { cors: any })).toBe(true);
});
