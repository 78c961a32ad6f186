import { readFileSync } from "node:fs";
import { join } from "node:path";
import { copyExample } from "./example-folder.ts";
import type { UserFolder } from "./user-folder.ts";

const FOLDER = "example";

/**
 * `examples/embed` in a folder within the user's, whose installed packages it uses: its types, its test, and that it
 * synthesizes. That its own package.json installs is shown where it is deployed, on the emulator.
 *
 * @param env of the CDK
 */
export function exampleSteps(
  folder: UserFolder,
  env: NodeJS.ProcessEnv,
): readonly (readonly [what: string, act: () => Promise<unknown>])[] {
  const run = (command: string, args: readonly string[]): Promise<string> =>
    folder.run(command, args, { env, folder: FOLDER });
  return [
    [
      "types of the example",
      () => {
        copyExample(join(folder.path, FOLDER));
        return run(folder.bin("tsc"), ["-p", "."]);
      },
    ],
    ["test of the example", () => run("node", ["--test"])],
    [
      "cdk synth of the example",
      async () => {
        await run(folder.bin("cdk"), ["synth", "--quiet", "--no-notices"]);
        checkTemplate(readFileSync(join(folder.path, FOLDER, "cdk.out/OrderDesk.template.json"), "utf8"));
      },
    ],
  ];
}

interface Resource {
  readonly Type: string;
  readonly Properties?: { readonly Environment?: { readonly Variables: Readonly<Record<string, unknown>> } };
}

function checkTemplate(text: string): void {
  const { Resources } = JSON.parse(text) as { Resources: Readonly<Record<string, Resource>> };
  const told = Object.values(Resources).filter(({ Properties }) => Properties?.Environment?.Variables.ORDERS_TABLE);
  if (told.length !== 1)
    throw new Error(`${told.length} functions know the example's table; expected its worker alone`);
  if (!text.includes('"ai.order-help.completed"'))
    throw new Error("the template has no rule for ai.order-help.completed");
}
