import { existsSync, readdirSync, readFileSync } from "node:fs";
import { isBuiltin } from "node:module";
import { dirname, join } from "node:path";

interface Manifest {
  readonly name: string;
  readonly exports: Readonly<Record<string, string | { readonly types: string; readonly default: string }>>;
  readonly bin: Readonly<Record<string, string>>;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly peerDependencies: Readonly<Record<string, string>>;
}

const ALLOWED =
  /^(LICENSE|README\.md|CHANGELOG\.md|package\.json|dist\/(src|lambdas|lib|tools)\/.+\.(js|js\.map|d\.ts|json))$/;
const ONLY_OURS = /\.test\.|^dist\/src\/testing\/(contracts|local-aws)\/|\/event\.json$/;
/** Imports as tsc writes them: a statement a line. */
const IMPORTS = /^(?:import|export)\b.*?\bfrom "([^"]+)"|^import "([^"]+)"|\bimport\("([^"]+)"\)/gm;

/**
 * What is wrong with the files of an installed package: one that should not be there, one that is missing, a path of the
 * machine that built it, an import that nothing declares, a dependency that nothing imports.
 *
 * @param root the folder of the package
 * @param repository the folder that it was built in
 */
export function faultsOf(root: string, repository: string): string[] {
  const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as Manifest;
  const files = readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1))
    // Put there by npm, where a version of the user's is another.
    .filter((file) => !file.startsWith("node_modules/"));
  return [
    ...files.filter((file) => !ALLOWED.test(file) || ONLY_OURS.test(file)).map((file) => `${file} should not be in it`),
    ...needed(manifest, repository).flatMap((file) => (existsSync(join(root, file)) ? [] : [`${file} is missing`])),
    ...files.flatMap((file) => pathsIn(root, file, repository)),
    ...importFaults(root, files, manifest),
  ];
}

/** With the constructs in the package, if the repository has them. */
export const hasConstructs = (repository: string): boolean => existsSync(join(repository, "lib/index.ts"));

function needed({ exports, bin }: Manifest, repository: string): string[] {
  const entries = Object.entries(exports)
    .filter(([name]) => name !== "./cdk" || hasConstructs(repository))
    .flatMap(([, target]) => (typeof target === "string" ? [target] : [target.types, target.default]));
  const handlers = readdirSync(join(repository, "lambdas"), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => `dist/lambdas/${name}/handler.js`);
  return ["LICENSE", "README.md", ...entries, ...Object.values(bin), ...handlers];
}

function pathsIn(root: string, file: string, repository: string): string[] {
  const text = readFileSync(join(root, file), "utf8");
  if (text.includes(repository)) return [`${file} names the folder that it was built in`];
  if (!file.endsWith(".map")) return [];
  const { sources, sourceRoot } = JSON.parse(text) as { sources: string[]; sourceRoot?: string };
  const absolute = [sourceRoot ?? "", ...sources].filter((path) => /^(\/|[a-z]+:)/i.test(path));
  return absolute.map((path) => `${file} has an absolute path: ${path}`);
}

function importFaults(root: string, files: readonly string[], manifest: Manifest): string[] {
  const { dependencies, peerDependencies } = manifest;
  const declared = new Set([...Object.keys(dependencies), ...Object.keys(peerDependencies)]);
  const used = new Set<string>();
  const faults: string[] = [];
  for (const file of files.filter((name) => /\.(js|d\.ts)$/.test(name))) {
    for (const specifier of importsOf(readFileSync(join(root, file), "utf8"))) {
      if (specifier.startsWith(".")) {
        const target = join(root, dirname(file), specifier);
        // The compiler reads "./x.ts" in a declaration file as "./x.d.ts", and leaves it as it is.
        if (!existsSync(file.endsWith(".d.ts") ? target.replace(/\.ts$/, ".d.ts") : target))
          faults.push(`${file} imports ${specifier}, which is not there`);
      } else if (specifier !== "#app" && !isBuiltin(specifier)) {
        const [name = "", rest = ""] = specifier.split("/");
        const pack = name.startsWith("@") ? `${name}/${rest}` : name;
        const types = `@types/${pack}`;
        if (!declared.has(pack) && !declared.has(types)) faults.push(`${file} imports ${pack}, which is no dependency`);
        used.add(pack).add(types);
      }
    }
  }
  const unused = Object.keys(dependencies).filter((name) => !used.has(name));
  // Only the constructs bundle.
  const expected = files.some((file) => file.startsWith("dist/lib/")) ? [] : ["esbuild"];
  const surplus = unused.filter((name) => !expected.includes(name));
  return [...faults, ...surplus.map((name) => `${name} is a dependency that nothing imports`)];
}

const importsOf = (code: string): string[] =>
  [...code.matchAll(IMPORTS)].map(([, from, bare, dynamic]) => from ?? bare ?? dynamic ?? "");
