import { BlockList, isIP } from "node:net";

/**
 * Where webhooks may go. A caller names the URL, and we call it from inside of a network: what only this network reaches must not
 * be reached by it (owasp.org/www-community/attacks/Server_Side_Request_Forgery). Refused is every address that is not
 * globally reachable: iana.org/assignments/iana-ipv4-special-registry, …/iana-ipv6-special-registry; of IPv6 all that is not
 * global unicast, which are also all forms of an IPv4 address in an IPv6 one.
 */
const V4_REFUSED = [
  "0.0.0.0/8", // this network
  "10.0.0.0/8", // private
  "100.64.0.0/10", // carrier-grade NAT, and metadata of some clouds
  "127.0.0.0/8", // loopback
  "168.63.129.16/32", // metadata of Azure, in the public range
  "169.254.0.0/16", // link-local, and metadata of most clouds
  "172.16.0.0/12", // private
  "192.0.0.0/24", // protocol assignments
  "192.0.2.0/24", // documentation
  "192.31.196.0/24", // AS112
  "192.52.193.0/24", // AMT
  "192.88.99.0/24", // 6to4 relays
  "192.168.0.0/16", // private
  "192.175.48.0/24", // AS112
  "198.18.0.0/15", // benchmarking
  "198.51.100.0/24", // documentation
  "203.0.113.0/24", // documentation
  "224.0.0.0/4", // multicast
  "240.0.0.0/4", // reserved, and broadcast
];
const V6_REFUSED = [
  "::/3", // loopback, unspecified, mapped, compatible and translated IPv4, discard
  "2001::/23", // protocol assignments, Teredo
  "2001:db8::/32", // documentation
  "2002::/16", // 6to4
  "2620:4f:8000::/48", // AS112
  "3fff::/20", // documentation
  "4000::/2", // unassigned
  "8000::/1", // unassigned, unique local and metadata in it, link-local, multicast
];

// Apart: a list takes an IPv4 address for the IPv6 one that it is mapped to, and ::/3 would refuse them all.
const v4 = listOf(V4_REFUSED, "ipv4");
const v6 = listOf(V6_REFUSED, "ipv6");
const loopback = new BlockList();
loopback.addSubnet("127.0.0.0", 8, "ipv4");
loopback.addAddress("::1", "ipv6");

export interface ReceiverOptions {
  /** Lets URLs lead to this machine that name it as such, also without TLS. */
  readonly allowLoopback: boolean;
}

/** Why no webhook is sent to an address; undefined where nothing is wrong with it. */
export function refusedAddress(address: string): string | undefined {
  const family = isIP(address);
  const isRefused = family === 4 ? v4.check(address, "ipv4") : family === 6 ? v6.check(address, "ipv6") : true;
  return isRefused ? `${address} is not an address of the public internet` : undefined;
}

/**
 * Why no webhook is sent to a URL, as far as the URL itself says so; undefined where nothing is wrong with it. What its name
 * leads to is known when it is looked up: see {@link refusedAddress}.
 */
export function refusedUrl(url: URL, { allowLoopback }: ReceiverOptions): string | undefined {
  if (allowLoopback && namesLoopback(url)) return undefined;
  if (url.protocol !== "https:") return `must begin with https://; got ${JSON.stringify(url.href)}`;
  const host = hostOf(url);
  if (isIP(host) > 0) return refusedAddress(host);
  // RFC 6761, section 6.3.
  return /(^|\.)localhost\.?$/i.test(host) ? `${host} is this machine, which is not on the public internet` : undefined;
}

/** The URL says itself that it leads to this machine; another name that leads there does not count. */
export function namesLoopback(url: URL): boolean {
  const host = hostOf(url);
  return host === "localhost" || isLoopback(host);
}

export function isLoopback(address: string): boolean {
  const family = isIP(address);
  return family > 0 && loopback.check(address, family === 4 ? "ipv4" : "ipv6");
}

/** Without the brackets of an IPv6 address. A URL has an IPv4 address in its usual form, however it was written. */
export const hostOf = ({ hostname }: URL): string => hostname.replace(/^\[(.*)\]$/, "$1");

function listOf(subnets: readonly string[], family: "ipv4" | "ipv6"): BlockList {
  const list = new BlockList();
  for (const subnet of subnets) {
    const [network = "", prefix] = subnet.split("/");
    list.addSubnet(network, Number(prefix), family);
  }
  return list;
}
