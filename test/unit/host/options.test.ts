import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Keys } from "../../../lambdas/authorizer/keys.ts";
import type { TenantId } from "../../../src/contract/ids.ts";
import { loadKeys } from "../../../src/host/keys.ts";
import {
  DEFAULT_PORT,
  type HostOptions,
  isLoopback,
  localTenant,
  parseOptions,
  StartError,
  USAGE,
} from "../../../src/host/options.ts";

const parse = (argv: readonly string[], env: NodeJS.ProcessEnv = {}): HostOptions => {
  const options = parseOptions(argv, env);
  if (options === "help") throw new Error("got help");
  return options;
};

const messageOf = (run: () => unknown): string => {
  try {
    run();
  } catch (error) {
    expect(error).toBeInstanceOf(StartError);
    return (error as Error).message;
  }
  throw new Error("nothing was thrown");
};

/** Each option that takes a value: its flag, a value for the flag, another for the variable, and where it ends up. */
const values = [
  ["data", "by-flag", "by-variable", "dataDir", ".sluice"],
  ["port", "1234", "4321", "port", DEFAULT_PORT],
  ["host", "127.0.0.2", "localhost", "host", "127.0.0.1"],
  ["corpus", "by-flag", "by-variable", "corpus", undefined],
  ["model", "openai:a", "openai:b", "model", undefined],
  ["app", "a.ts", "b.ts", "app", "app/sluice.ts"],
  ["keys", "a.json", "b.json", "keys", undefined],
  ["synchronous", "NORMAL", "FULL", "synchronous", "FULL"],
  ["log-level", "DEBUG", "ERROR", "logLevel", "WARN"],
] as const;
const variableOf = (flag: string): string => `SLUICE_${flag.toUpperCase().replace("-", "_")}`;
const typed = (flag: string, value: string): string | number => (flag === "port" ? Number(value) : value);

describe("options", () => {
  test.each(values)(
    "--%s wins over its variable, which wins over the default",
    (flag, first, second, option, usual) => {
      const env = { [variableOf(flag)]: second };
      expect(parse([`--${flag}`, first], env)[option]).toBe(typed(flag, first));
      expect(parse([], env)[option]).toBe(typed(flag, second));
      expect(parse([])[option]).toBe(usual);
    },
  );

  test("readers are counted; 0 lets none in", () => {
    expect(parse([]).readers).toEqual({ streams: 2_000, waits: 2_000 });
    expect(parse(["--streams", "0"], { SLUICE_WAITS: "7" }).readers).toEqual({ streams: 0, waits: 7 });
    expect(messageOf(() => parse(["--streams=-1"]))).toContain("--streams (SLUICE_STREAMS): must be a whole number");
  });

  test("origins are given one a flag, or in a variable with commas between", () => {
    expect(parse([]).cors).toBeUndefined();
    const [one, other] = ["http://localhost:5173", "https://app.example.org"];
    expect(parse(["--cors", one, "--cors", other], { SLUICE_CORS: "*" }).cors).toEqual({ origins: [one, other] });
    expect(parse([], { SLUICE_CORS: `${one}, ${other}` }).cors).toEqual({ origins: [one, other] });
    expect(messageOf(() => parse(["--cors", `${other}/`]))).toMatch(
      /--cors \(SLUICE_CORS\): must be "\*" or an origin/,
    );
  });

  test("an empty variable counts as none", () => {
    expect(parse([], { SLUICE_PORT: "", SLUICE_MODEL: "", SLUICE_MEMORY: "" })).toEqual(parse([]));
  });

  test("variables of other programs are left alone", () => {
    expect(parse([], { PORT: "1", HOST: "0.0.0.0", SLUICE_UNKNOWN: "x" })).toEqual(parse([]));
  });

  test.each(["1", "true"])("SLUICE_MEMORY=%s keeps nothing", (value) => {
    expect(parse([], { SLUICE_MEMORY: value }).dataDir).toBeUndefined();
  });

  test.each(["0", "false"])("SLUICE_MEMORY=%s keeps data", (value) => {
    expect(parse([], { SLUICE_MEMORY: value }).dataDir).toBe(".sluice");
  });

  test("--memory keeps nothing, also where a variable names a directory", () => {
    expect(parse(["--memory"], { SLUICE_DATA: "kept" }).dataDir).toBeUndefined();
  });

  test("--memory together with --data is refused", () => {
    expect(messageOf(() => parse(["--memory", "--data", "kept"]))).toMatch(/--memory .*--data/);
  });

  test("--help wins over everything that is wrong", () => {
    expect(parseOptions(["--help", "--port", "x"], { SLUICE_LOG_LEVEL: "LOUD" })).toBe("help");
  });
});

describe("wrong values", () => {
  test.each([
    ["port", "http"],
    ["port", "-1"],
    ["port", "65536"],
    ["port", "80.5"],
    ["port", "0x50"],
    ["port", ""],
    ["data", ""],
    ["host", ""],
    ["app", ""],
    ["synchronous", "OFF"],
    ["log-level", "LOUD"],
  ])("--%s=%s is named, with what was got", (flag, value) => {
    const message = messageOf(() => parse([`--${flag}=${value}`]));
    expect(message).toContain(`--${flag} (${variableOf(flag)})`);
    expect(message).toContain(`got ${JSON.stringify(value)}`);
  });

  test("of a variable are named like those of a flag", () => {
    expect(messageOf(() => parse([], { SLUICE_PORT: "http" }))).toContain(
      '--port (SLUICE_PORT): must be a whole number; got "http"',
    );
  });

  test("are all named, not only the first", () => {
    const message = messageOf(() => parse(["--port", "x", "--synchronous", "OFF"], { SLUICE_LOG_LEVEL: "LOUD" }));
    expect(message.split("\n").map((line) => line.split(" ")[0])).toEqual(["--port", "--synchronous", "--log-level"]);
    expect(message).toMatch(/FULL.*NORMAL/);
  });

  test.each([
    ["an unknown flag", ["--prot", "1"], "--prot"],
    ["a flag without its value", ["--port"], "--port"],
    ["a word that is no flag", ["production"], "production"],
    ["a value for a flag that takes none", ["--memory=yes"], "--memory"],
  ])("%s: the usage is shown", (_, argv, named) => {
    const message = messageOf(() => parse(argv));
    expect(message).toContain(named);
    expect(message).toContain(USAGE);
  });

  test("the usage names every flag", () => {
    for (const [flag] of values) expect(USAGE).toContain(`--${flag} `);
    expect(USAGE).toContain("--memory ");
  });
});

describe("closed by default", () => {
  test.each(["0.0.0.0", "::", "192.168.1.5", "example.com", "127.0.0.1.example.com", "1270.0.0.1"])(
    "--host %s without keys is refused",
    (host) => {
      const message = messageOf(() => parse(["--host", host]));
      expect(message).toContain(`--host ${host}`);
      expect(message).toContain("--keys");
    },
  );

  test("another host by its variable is refused as well", () => {
    expect(messageOf(() => parse([], { SLUICE_HOST: "0.0.0.0" }))).toContain("--keys");
  });

  test("another host with keys is taken", () => {
    expect(parse(["--host", "0.0.0.0", "--keys", "keys.json"])).toMatchObject({ host: "0.0.0.0", keys: "keys.json" });
  });

  test.each(["127.0.0.1", "127.9.9.9", "localhost", "::1"])("%s is this machine", (host) => {
    expect(isLoopback(host)).toBe(true);
    expect(parse(["--host", host]).host).toBe(host);
  });

  test("a caller on this machine is the tenant it names, or default", () => {
    expect(localTenant(undefined)).toBe("default");
    expect(localTenant("acme")).toBe("acme");
  });

  test.each(["", " acme", "../acme", "a,b", "a".repeat(65)])("a tenant named %j is refused", (header) => {
    expect(() => localTenant(header)).toThrow(JSON.stringify(header));
  });
});

describe("keys", () => {
  const sha256 = (key: string): string => createHash("sha256").update(key).digest("hex");
  const keys = new Keys([
    { tenant: "acme" as TenantId, sha256: sha256("secret-1") },
    { tenant: "umbrella" as TenantId, sha256: sha256("secret-2") },
  ]);

  test.each([
    ["Bearer secret-1", "acme"],
    ["Bearer secret-2", "umbrella"],
    ["bearer   secret-1 ", "acme"],
  ])("%j is the key of %s", (authorization, tenant) => {
    expect(keys.tenantOf(authorization)).toBe(tenant);
  });

  test.each([
    undefined,
    "",
    "Bearer",
    "Bearer ",
    "secret-1",
    "Basic secret-1",
    "Bearer secret-3",
    "Bearer secret-1 secret-2",
    `Bearer ${sha256("secret-1")}`,
  ])("%j is nobody's key", (authorization) => {
    expect(keys.tenantOf(authorization)).toBeUndefined();
  });

  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "sluice-keys-"));
  });
  afterAll(() => rmSync(folder, { recursive: true }));
  const write = (text: string): string => {
    const file = join(folder, "keys.json");
    writeFileSync(file, text);
    return file;
  };
  const hash = sha256("secret-1");

  test("are read from a file", () => {
    const file = write(JSON.stringify({ keys: [{ tenant: "acme", sha256: hash }] }));
    expect(loadKeys(file).tenantOf("Bearer secret-1")).toBe("acme");
  });

  test.each([
    ["no JSON", "{", "JSON"],
    ["no keys", '{"keys":[]}', "keys"],
    ["a key in the clear", '{"keys":[{"tenant":"acme","key":"secret-1"}]}', "sha256"],
    [
      "a hash in capitals",
      JSON.stringify({ keys: [{ tenant: "acme", sha256: hash.toUpperCase() }] }),
      "keys[0].sha256",
    ],
    ["a tenant of another shape", JSON.stringify({ keys: [{ tenant: "a/b", sha256: hash }] }), "keys[0].tenant"],
    ["a field that there is not", JSON.stringify({ keys: [{ tenant: "acme", sha256: hash, admin: true }] }), "admin"],
  ])("a file with %s is refused, and says where", (_, text, named) => {
    const file = write(text);
    const message = messageOf(() => loadKeys(file));
    expect(message).toContain(`--keys ${file}`);
    expect(message).toContain(named);
  });

  test("a file that is not there is refused, and named", () => {
    const file = join(folder, "absent.json");
    expect(messageOf(() => loadKeys(file))).toContain(`--keys ${file}`);
  });
});
