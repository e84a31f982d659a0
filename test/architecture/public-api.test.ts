/** What a user can import: each name documented where it is declared. */
import assert from "node:assert/strict";
import { posix } from "node:path";
import { describe, test } from "node:test";
import { readSources } from "./sources.ts";

/** The declarations that `tsc` emitted, by path below `dist/`. */
const declarations = new Map(readSources("dist", ".d.ts").map((file) => [file.path, file.text]));

interface PublicName {
  readonly name: string;
  /** The declaration file it comes from, below `dist/`. */
  readonly file: string;
}

/** The names that `file` exports, followed to where they are declared. */
function exportsOf(file: string): PublicName[] {
  const text = declarations.get(file) ?? "";
  const names: PublicName[] = [];
  for (const [, list = "", from] of text.matchAll(
    /export (?:type )?\{([^}]*)\}(?: from "([^"]+)")?/g,
  )) {
    const source = from === undefined ? file : declarationOf(file, from);
    for (const part of list.split(",").filter((item) => item.trim() !== "")) {
      names.push(
        trace(
          part
            .trim()
            .replace(/^type /, "")
            .split(" as ")[0] ?? "",
          source,
        ),
      );
    }
  }
  for (const [, from = ""] of text.matchAll(/export \* from "([^"]+)"/g)) {
    names.push(...exportsOf(declarationOf(file, from)));
  }
  for (const [, name = ""] of text.matchAll(DECLARED)) names.push({ name, file });
  return names;
}

const DECLARED =
  /^export (?:declare )?(?:abstract )?(?:class|function|const|let|interface|type|enum|namespace) (\w+)/gm;

/** Follows a name through files that only pass it on, or that import it to export it. */
function trace(name: string, file: string): PublicName {
  const text = declarations.get(file) ?? "";
  if (declaration(name).test(text)) return { name, file };
  const passed = new RegExp(
    `(?:export|import) (?:type )?\\{[^}]*\\b${name}\\b[^}]*\\} from "([^"]+)"`,
  );
  const from = passed.exec(text)?.[1];
  return from === undefined ? { name, file } : trace(name, declarationOf(file, from));
}

function declarationOf(importer: string, specifier: string): string {
  return posix.join(posix.dirname(importer), specifier).replace(/\.(?:js|ts)$/, ".d.ts");
}

/** The declaration of `name`, with its docstring if it has one. */
function declaration(name: string): RegExp {
  return new RegExp(
    `(\\*/\\s*)?^(?:export )?(?:declare )?(?:abstract )?(?:class|function|const|let|interface|type|enum|namespace) ${name}\\b`,
    "m",
  );
}

describe("the public API", () => {
  const names = exportsOf("index.d.ts");

  test("there are names to import", () => {
    assert.ok(names.length > 0, "dist/index.d.ts exports nothing");
  });

  test("every name is documented", () => {
    const bare = names.filter(
      ({ name, file }) => declaration(name).exec(declarations.get(file) ?? "")?.[1] === undefined,
    );
    assert.deepEqual(
      bare.map(({ name, file }) => `${name} (${file})`),
      [],
    );
  });
});
