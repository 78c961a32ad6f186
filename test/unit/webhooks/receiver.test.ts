import { describe, expect, test } from "vitest";
import { refusedAddress, refusedUrl } from "../../../lambdas/webhooks/receiver.ts";

const REFUSED = [
  "0.0.0.0",
  "0.1.2.3",
  "10.0.0.1",
  "100.64.0.1",
  "100.100.100.200",
  "127.0.0.1",
  "127.255.255.254",
  "168.63.129.16",
  "169.254.169.254",
  "169.254.170.2",
  "172.16.0.1",
  "172.31.255.255",
  "192.0.0.192",
  "192.0.2.1",
  "192.88.99.1",
  "192.168.1.1",
  "198.18.0.1",
  "198.51.100.1",
  "203.0.113.1",
  "224.0.0.1",
  "240.0.0.1",
  "255.255.255.255",
  "::",
  "::1",
  "::7f00:1",
  "::ffff:127.0.0.1",
  "::ffff:7f00:1",
  "::ffff:169.254.169.254",
  "::ffff:8.8.8.8",
  "::ffff:0:127.0.0.1",
  "64:ff9b::7f00:1",
  "64:ff9b:1::a00:1",
  "100::1",
  "100:0:0:1::1",
  "2001::1",
  "2001:2::1",
  "2001:10::1",
  "2001:20::1",
  "2001:db8::1",
  "2002:7f00:1::1",
  "3fff::1",
  "4000::1",
  "5f00::1",
  "fc00::1",
  "fd00:ec2::254",
  "fe80::1",
  "fe80::1%eth0",
  "fec0::1",
  "ff02::1",
  "no address",
  "",
];
const TAKEN = ["1.1.1.1", "8.8.8.8", "100.63.255.255", "100.128.0.1", "172.32.0.1", "198.20.0.1", "223.255.255.255"];
const TAKEN_V6 = ["2600:1f18::1", "2606:4700:4700::1111", "2a00:1450:4001::1"];

test.each(REFUSED)("an address that is not on the public internet is refused: %j", (address) => {
  expect(refusedAddress(address)).toContain("not an address of the public internet");
});

test.each([...TAKEN, ...TAKEN_V6])("one that is is not: %j", (address) => {
  expect(refusedAddress(address)).toBeUndefined();
});

describe("of URLs", () => {
  const refused = (url: string, allowLoopback = false) => refusedUrl(new URL(url), { allowLoopback });

  test.each([
    "http://example.com/",
    "ftp://example.com/",
    "https://localhost/",
    "https://a.localhost./",
    "https://127.0.0.1/",
    "https://2130706433/",
    "https://0x7f.1/",
    "https://0177.0.0.1/",
    "https://127.1/",
    "https://[::1]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[fd00:ec2::254]/",
    "https://169.254.169.254/latest/meta-data/",
    "https://10.0.0.1:8443/",
    "https://0/",
  ])("%s is refused, however it is written", (url) => expect(refused(url)).toBeTypeOf("string"));

  test.each(["https://example.com/hook", "https://8.8.8.8/", "https://example.com:8443/a?b=c"])("%s is taken", (url) =>
    expect(refused(url)).toBeUndefined(),
  );

  test("for development, this machine is taken where it is named as such, and nothing else besides", () => {
    for (const url of ["http://localhost:1/", "http://127.0.0.1:1/", "http://[::1]:1/", "https://127.0.0.2/"]) {
      expect([url, refused(url, true)]).toEqual([url, undefined]);
    }
    for (const url of ["http://example.com/", "http://10.0.0.1/", "https://169.254.169.254/", "http://0.0.0.0/"]) {
      expect([url, refused(url, true)]).toEqual([url, expect.any(String)]);
    }
  });
});
