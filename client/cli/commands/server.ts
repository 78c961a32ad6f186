import type { Command, ExitCode } from "../command.ts";
import { runServerProgram } from "../server-program.ts";

/** Commands that are the server's own programs, which its package has. */

export const start: Command = {
  name: "start",
  summary: "starts the server on this machine (all flags are its own: start --help)",
  usage: "[flags of the server]",
  positionals: [],
  options: {},
  flags: [],
  raw: true,
  examples: ["start --memory", "start --app ./sluice.ts --port 8787"],
  run: async (_, args) => (await runServerProgram("sluice-embedded", args)) as ExitCode,
};

export const verify: Command = {
  name: "verify",
  summary: "checks exported logs: gapless, of the schema, no invariant broken, as they were exported",
  usage: "FILE…",
  positionals: ["FILE…"],
  options: {},
  flags: [],
  without: ["url", "key", "tenant", "json"],
  examples: ["verify job.jsonl", "verify logs/*.jsonl"],
  run: async (_, files) => (await runServerProgram("sluice-log", ["verify", ...files])) as ExitCode,
};

export const exportLog: Command = {
  name: "export",
  summary: "a job's whole log as JSON lines, sealed: what verify takes",
  usage: "ID > FILE",
  positionals: ["ID"],
  options: {},
  flags: [],
  without: ["json"],
  examples: ["export job_… > job.jsonl"],
  async run({ server }, [id = ""]) {
    const tenant = server.tenant === undefined ? [] : ["--tenant", server.tenant];
    // A key on a command line is everybody's on this machine.
    const env = server.key === undefined ? {} : { SLUICE_KEY: server.key };
    return (await runServerProgram("sluice-log", ["export", id, "--url", server.url, ...tenant], env)) as ExitCode;
  },
};
