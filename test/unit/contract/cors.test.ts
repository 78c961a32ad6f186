import { expect, test } from "vitest";
import { CORS_EXPOSED_HEADERS, CorsSettings, corsHeaders, preflightHeaders } from "../../../src/contract/cors.ts";

const listed = CorsSettings.parse({ origins: ["https://a.example", "https://b.example"] });
const any = CorsSettings.parse({ origins: ["*"], maxAgeSeconds: 5 });

test.each(["*", "https://app.example.org", "http://localhost:5173", "http://[::1]:8080"])(
  "%s is an origin",
  (origin) => {
    expect(CorsSettings.safeParse({ origins: [origin] }).success).toBe(true);
  },
);

test.each([
  "",
  "null",
  "app.example.org",
  "https://app.example.org/",
  "https://app.example.org:443",
  "https://*.example.org",
  "https://App.example.org",
  "https://me@app.example.org",
  "file:///page.html",
  "https://a.example, https://b.example",
])("%j is none: a browser would never send it", (origin) => {
  expect(CorsSettings.safeParse({ origins: [origin] }).success).toBe(false);
});

test("without the setting nothing is said", () => {
  expect(corsHeaders(undefined, "https://a.example")).toEqual({});
});

test("a listed origin gets itself back, another one nothing, and caches are told to tell them apart", () => {
  expect(corsHeaders(listed, "https://b.example")).toEqual({
    "access-control-allow-origin": "https://b.example",
    "access-control-expose-headers": CORS_EXPOSED_HEADERS.join(", "),
    vary: "Origin",
  });
  expect(corsHeaders(listed, "https://c.example")).toEqual({ vary: "Origin" });
  expect(corsHeaders(listed, undefined)).toEqual({ vary: "Origin" });
});

test("all origins are told so in one word, and never to send credentials", () => {
  const headers = { ...corsHeaders(any, "https://c.example"), ...preflightHeaders(any, ["GET"]) };
  expect(headers).toMatchObject({ "access-control-allow-origin": "*", "access-control-max-age": "5" });
  expect(Object.keys(headers)).not.toContain("access-control-allow-credentials");
});
