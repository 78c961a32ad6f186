import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { createInterface } from "node:readline";

/**
 * Runs the AWS engine's tests on Amazon's own DynamoDB Local: `npm run test:dynamodb-local`, more arguments are
 * Vitest's. The server comes out of an npm package, into a directory that is removed again; it takes Java 17.
 */
const PACKAGE = "amplify-dynamodb-simulator@2.9.30";
const INTEGRITY = "sha512-xTeeRLvzEfqyd5lh3bH4c0kHvSHHmmhD5ZDsHFKAQ5g2Zl6JqlFdutaQhCLHzxEp6Ry1o7TB6niIoXuQAnSewQ==";
const MIN_JAVA = 17;
/** What no table has to do with, or only as what a tool looks at or a role names. */
const ELSEWHERE = [
  "corpus-tool",
  "doctor",
  "function-starts",
  "key",
  "least-privilege",
  "load-secrets",
  "s3-corpus",
  "smoke",
  "telemetry",
];
const SUITES = [
  ...["--project", "contract", "--project", "aws", "test/contract/aws.test.ts", "test/aws"],
  ...ELSEWHERE.flatMap((name) => ["--exclude", `test/aws/${name}.test.ts`]),
];
const STARTED = /Started ServerConnector.*\{127\.0\.0\.1:(\d+)\}/;
const START_TIMEOUT_MS = 60_000;

async function main(): Promise<number> {
  const problem = javaProblem();
  if (problem !== undefined) {
    console.error(
      `DynamoDB Local needs Java ${MIN_JAVA} or later: ${problem}. Install a runtime, such as openjdk-17-jre-headless ` +
        `(apt), java-17-amazon-corretto-headless (dnf) or openjdk@17 (brew), and have "java" on the PATH.`,
    );
    return 1;
  }
  const dir = mkdtempSync(join(tmpdir(), "sluice-dynamodb-"));
  let server: ChildProcess | undefined;
  const end = (): void => {
    server?.kill("SIGKILL");
    rmSync(dir, { recursive: true, force: true });
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.once(signal, () => {
      end();
      process.exit(1);
    });
  }
  try {
    server = start(unpack(dir));
    const endpoint = await listening(server);
    console.log(`DynamoDB Local listens on ${endpoint}`);
    const more = process.argv.slice(2);
    const tests = spawn("npx", ["vitest", "run", ...(more.length > 0 ? more : SUITES)], {
      stdio: "inherit",
      env: { ...process.env, SLUICE_TEST_DYNAMODB: endpoint },
    });
    const [code] = await once(tests, "exit");
    return code ?? 1;
  } finally {
    end();
  }
}

/** What is wrong with this machine's Java; undefined when nothing is. */
function javaProblem(): string | undefined {
  const { error, stderr } = spawnSync("java", ["-version"], { encoding: "utf8" });
  if (error) return "there is no java on the PATH";
  const version = /version "(\d+)(?:\.(\d+))?/.exec(stderr);
  // Java 8 called itself 1.8.
  const major = Number(version?.[1] === "1" ? version[2] : version?.[1]);
  return major >= MIN_JAVA ? undefined : `got ${stderr.split("\n")[0]?.trim()}`;
}

/** The package's tarball alone: nothing of what it depends on is wanted. Returns the directory of the server. */
function unpack(dir: string): string {
  const packed = execFileSync("npm", ["pack", PACKAGE, "--json", "--ignore-scripts", "--pack-destination", dir], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
    maxBuffer: 64 * 1024 * 1024,
  });
  const [{ filename } = { filename: "" }] = JSON.parse(packed) as { filename: string }[];
  const tarball = join(dir, filename);
  const integrity = `sha512-${createHash("sha512").update(readFileSync(tarball)).digest("base64")}`;
  if (integrity !== INTEGRITY) throw new Error(`${PACKAGE} has integrity ${integrity}, expected ${INTEGRITY}`);
  execFileSync("tar", ["-xzf", tarball, "-C", dir, "package/emulator"]);
  return join(dir, "package", "emulator");
}

function start(cwd: string): ChildProcess {
  return spawn(
    "java",
    [
      "-Djava.library.path=DynamoDBLocal_lib",
      "-Dorg.eclipse.jetty.util.log.class=org.eclipse.jetty.util.log.StdErrLog",
      "-Dorg.eclipse.jetty.server.LEVEL=INFO",
      "-classpath",
      ["DynamoDBLocal.jar", "DynamoDBLocal_lib/*"].join(delimiter),
      "org.eclipse.jetty.xml.XmlConfiguration",
      join(import.meta.dirname, "dynamodb-local.xml"),
    ],
    // It would tell its maker that it was started.
    { cwd, stdio: ["ignore", "ignore", "pipe"], env: { ...process.env, DDB_LOCAL_TELEMETRY: "0" } },
  );
}

/** Resolves with the endpoint. Rejects with what the server said where it did not start. */
function listening(server: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    const said: string[] = [];
    const fail = (why: string): void => reject(new Error(`DynamoDB Local ${why}:\n${said.join("\n")}`));
    const timer = setTimeout(() => fail("did not start in time"), START_TIMEOUT_MS);
    server.once("error", reject);
    server.once("exit", () => fail("ended"));
    if (!server.stderr) throw new Error("unreachable: stderr is a pipe");
    createInterface(server.stderr).on("line", (line) => {
      said.push(line);
      const port = STARTED.exec(line)?.[1];
      if (port === undefined) return;
      clearTimeout(timer);
      resolve(`http://127.0.0.1:${port}`);
    });
  });
}

process.exit(await main());
