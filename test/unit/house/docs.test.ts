import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { anchorsOf, proseOf } from "./markdown.ts";

/** What a document names has to be there: links, files, scripts. Files move more often than their documents are read. */
const ROOT = resolve(import.meta.dirname, "../../..");
const FOLDERS = ["app", "bench", "bin", "client", "docs", "examples", "lambdas", "lib", "src", "test", "tools"];
/** Paths in documents are from the root, or below one of these. */
const BASES = ["", "src", "lambdas", "test"];
const documents = ["*.md", "docs/**/*.md", "examples/*/*.md"]
  .flatMap((pattern) => globSync(pattern, { cwd: ROOT }))
  .sort();
const files = globSync(
  FOLDERS.map((folder) => `${folder}/**/*.*`),
  { cwd: ROOT, exclude: ["**/node_modules/**", "**/node_modules"] },
);
const { scripts } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as { scripts: Record<string, string> };

/** Named although they are not there, and why. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  "test/app": "`npm run new` makes it",
  "sluice.ts": "a user's own",
  "sluice/app/sluice.ts": "what the package does not export",
};

const read = (document: string): string => readFileSync(join(ROOT, document), "utf8");

/** Relative links of a document that lead nowhere. */
function deadLinks(document: string, text: string): string[] {
  return [...proseOf(text).matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, link = ""]) => link)
    .filter((link) => !/^[a-z]+:/.test(link))
    .filter((link) => {
      const [path = "", anchor] = link.split("#");
      const target = path === "" ? document : join(dirname(document), path);
      if (!existsSync(join(ROOT, target))) return true;
      return anchor !== undefined && !anchorsOf(target === document ? text : read(target)).includes(anchor);
    });
}

/** Code in backticks that has the form of a path of ours, and is none: from the root, from a base, or a file's last names. */
function deadPaths(text: string): string[] {
  const words = [...proseOf(text).matchAll(/`([^`]+)`/g)].flatMap(([, code = ""]) => code.split(/\s+/)).flatMap(unfold);
  const named = words.filter(
    (word) => /^[\w-][\w.-]*(\/[\w-][\w.-]*)*\/?$/.test(word) && !Object.hasOwn(ELSEWHERE, word),
  );
  return named
    .filter((word) => /\w\.(ts|py|md)$/.test(word) || FOLDERS.some((folder) => word.startsWith(`${folder}/`)))
    .filter((word) => !BASES.some((base) => existsSync(join(ROOT, base, word))))
    .filter((word) => !files.some((file) => file.endsWith(`/${word}`)));
}

/** `a/{b,c}` is two paths. */
function unfold(word: string): string[] {
  const [, before = "", names, after = ""] = /^(.*)\{([\w,-]+)\}(.*)$/.exec(word) ?? [];
  return names === undefined ? [word] : names.split(",").map((name) => before + name + after);
}

const unknownScripts = (text: string): string[] =>
  [...text.matchAll(/\bnpm run (?:--?[a-z-]+ )*([\w:-]+)/g)]
    .map(([, name = ""]) => name)
    .filter((name) => !Object.hasOwn(scripts, name));

test.each(documents)("%s names what is there", (document) => {
  const text = read(document);
  expect({ links: deadLinks(document, text), paths: deadPaths(text), scripts: unknownScripts(text) }).toEqual({
    links: [],
    paths: [],
    scripts: [],
  });
});

describe("is found:", () => {
  test.each(["gone.md", "../gone.md", "models.md#gone", "#gone"])("a link to %s", (link) => {
    expect(
      deadLinks("docs/deploy.md", `# Here\n[there](${link}) and [back](../README.md#deploy), [here](#here)`),
    ).toEqual([link]);
  });

  test.each(["src/core/gone.ts", "core/gone.ts", "gone.ts", "lib/gone", "unit/gone.test.ts"])("a path %s", (path) => {
    expect(deadPaths(`\`${path}\`, \`src/core/claim.ts\`, \`core/claim.ts\`, \`claim.ts\`, \`lib/\``)).toEqual([path]);
  });

  test("a path of two", () => {
    expect(deadPaths("`src/engines/{embedded,gone}`")).toEqual(["src/engines/gone"]);
  });

  test("a script", () => {
    expect(unknownScripts("`npm run gone`, `npm run --silent log -- export`, `npm run simulate:mutants`")).toEqual([
      "gone",
    ]);
  });
});
