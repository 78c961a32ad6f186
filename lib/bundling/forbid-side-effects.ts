import dgram from "node:dgram";
import dns from "node:dns";
import { syncBuiltinESMExports } from "node:module";
import net from "node:net";

/** An app module does at import what belongs into a capability's `run`. */
export class SideEffectError extends Error {
  override readonly name = "SideEffectError";
}

/** Standard streams; what else is open was opened by the app. */
const STANDARD = ["PipeWrap", "TTYWrap"];

/**
 * Makes this process one in which a module can do nothing at import but compute: connections, name look-ups and reads
 * of the environment by the app's own files throw. Files and processes are the part of Node's permission model
 * (nodejs.org/api/permissions.html). Returns what gives the first {@link SideEffectError}, also if the app caught it.
 */
export function forbidSideEffects(): () => SideEffectError | undefined {
  let first: SideEffectError | undefined;
  const refused = (what: string): SideEffectError => {
    first ??= new SideEffectError(`it ${what} when it is imported`);
    return first;
  };
  const refuse = (what: string) => () => {
    throw refused(what);
  };
  globalThis.fetch = refuse("opens a connection");
  net.Socket.prototype.connect = refuse("opens a connection");
  net.Server.prototype.listen = refuse("opens a port");
  dgram.Socket.prototype.bind = refuse("opens a port");
  for (const name of ["lookup", "resolve", "resolve4", "resolve6"]) {
    for (const of of [dns, dns.promises]) Object.assign(of, { [name]: refuse("looks up a name") });
  }
  const environment = process.env;
  const guard = (name: string | symbol): void => {
    if (isReadByApp()) throw refused(`reads the environment${typeof name === "string" ? ` variable ${name}` : ""}`);
  };
  process.env = new Proxy(environment, {
    get(target, name) {
      guard(name);
      return Reflect.get(target, name);
    },
    has(target, name) {
      guard(name);
      return Reflect.has(target, name);
    },
    ownKeys(target) {
      guard(Symbol.iterator);
      return Reflect.ownKeys(target);
    },
  });
  // What modules import by name is what was there when they were loaded, until this is called.
  syncBuiltinESMExports();
  const before = process.getActiveResourcesInfo().length;
  return () => {
    process.env = environment;
    const left = process.getActiveResourcesInfo().slice(before);
    const started = [...new Set(left.filter((kind) => !STANDARD.includes(kind)))];
    if (started.length > 0) refused(`leaves something running (${started.join(", ")})`);
    return first;
  };
}

/** Packages may look at NODE_ENV and the like; what an app reads would be this machine's, not the function's. */
function isReadByApp(): boolean {
  // The message, this function, the guard, the trap, and then the reader.
  const reader = (new Error().stack ?? "").split("\n")[4] ?? "";
  return !reader.includes("/node_modules/") && !reader.includes("node:");
}
