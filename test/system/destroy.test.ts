import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { CdkProject } from "./cdk-project.ts";

let project: CdkProject;
beforeEach(() => {
  project = new CdkProject();
});
afterEach(() => project[Symbol.dispose]());

const destroy = (flags: readonly string[], input = "", env: NodeJS.ProcessEnv = {}) =>
  project.run("destroy.ts", flags, { input, env });

describe("npm run destroy", () => {
  test("removes both stacks of a stage that retains nothing, once its name is typed", async () => {
    const { code, stdout } = await destroy(["-c", "stage=dev", "--profile", "work"], "dev\n");
    expect(code).toBe(0);
    expect(stdout).toContain("sluice-dev-app and sluice-dev-data are removed with everything in them");
    expect(stdout).toContain("Instance dev is gone.");
    expect(project.calls).toEqual([["destroy", "--all", "--force", "-c", "stage=dev", "--profile", "work"]]);
  });

  test("leaves the Data stack of a stage that retains its data, and says how to go on and how to remove it", async () => {
    const { code, stdout } = await destroy(["-c", "stage=prod", "-c", "instance=blue"], "blue-prod\n");
    expect(code).toBe(0);
    const context = ["-c", "stage=prod", "-c", "instance=blue"];
    expect(project.calls).toEqual([["destroy", "sluice-blue-prod-app", "--exclusively", "--force", ...context]]);
    expect(stdout).toContain("sluice-blue-prod-data is as it was: jobs, documents, keys, archive.");
    expect(stdout).toContain("npm run deploy -- -c stage=prod -c instance=blue");
    expect(stdout).toContain("docs/runbook.md#removing-an-instance");
  });

  test("with --yes does not ask", async () => {
    const { code, stdout } = await destroy(["--yes"]);
    expect({ code, stdout }).toEqual({ code: 0, stdout: "\nInstance dev is gone.\n" });
    expect(project.calls).toHaveLength(1);
  });

  test.each([
    ["another name", "prod\n"],
    ["yes", "yes\n"],
    ["nothing", "\n"],
    ["no answer at all", ""],
  ])("removes nothing when %s is typed", async (_, typed) => {
    const { code, stderr } = await destroy(["-c", "stage=dev"], typed);
    expect(code).toBe(1);
    expect(stderr).toContain("Nothing was removed");
    expect(project.calls).toEqual([]);
  });

  test.each([
    [["-c", "stage=staging"], 'there is no stage "staging"; lib/stages.ts has dev, prod'],
    [["-c", "stag=prod"], "there is no setting -c stag=…"],
  ])("%j is refused before anything is asked", async (flags, said) => {
    const { code, stdout, stderr } = await destroy([...flags, "--yes"]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toContain(said);
    expect(project.calls).toEqual([]);
  });

  test("ends as the CDK does, and says nothing is gone that is not", async () => {
    const { code, stdout } = await destroy(["--yes"], "", { FAKE_STATUS: "2" });
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  });

  test.each([
    ["dev", "there is no sluice-dev-app and no sluice-dev-data in this account and region"],
    ["prod", "there is no sluice-prod-app in this account and region"],
  ])("says that nothing was removed where %s is not there, which the CDK calls destroyed", async (stage, said) => {
    await using cloudFormation = await withoutStacks();
    const { code, stdout } = await destroy(["-c", `stage=${stage}`, "--yes"], "", cloudFormation.environment);
    expect(code).toBe(0);
    expect(stdout).toContain(`Nothing was removed: ${said}`);
    expect(stdout).not.toContain("gone");
    expect(project.calls).toHaveLength(1);
  });

  test("does not say so while the Data stack is there", async () => {
    await using cloudFormation = await withoutStacks("sluice-dev-data");
    const { stdout } = await destroy(["-c", "stage=dev", "--yes"], "", cloudFormation.environment);
    expect(stdout).toContain("Instance dev is gone.");
  });
});

/** CloudFormation in an account without stacks, but for one. */
async function withoutStacks(there?: string) {
  const server = createServer(async (request, response) => {
    const form = new URLSearchParams((await request.toArray()).join(""));
    const name = form.get("StackName");
    response.setHeader("content-type", "text/xml");
    if (name === there) {
      const member = `<member><StackName>${name}</StackName><StackStatus>CREATE_COMPLETE</StackStatus></member>`;
      response.end(`<R><DescribeStacksResult><Stacks>${member}</Stacks></DescribeStacksResult></R>`);
      return;
    }
    response.statusCode = 400;
    const error = `<Code>ValidationError</Code><Message>Stack with id ${name} does not exist</Message>`;
    response.end(`<ErrorResponse><Error>${error}</Error></ErrorResponse>`);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    environment: {
      AWS_ENDPOINT_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      AWS_REGION: "eu-central-1",
      AWS_ACCESS_KEY_ID: "test",
      AWS_SECRET_ACCESS_KEY: "test",
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
