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
});
