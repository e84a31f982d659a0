/** What people see: nothing dangerous, nothing wider than the terminal. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { renderDot, renderMermaid, renderTree } from "#src/cli/render/graph.js";
import { visible, visibleLines } from "#src/cli/render/safe-text.js";
import { renderTable } from "#src/cli/render/table.js";
import { describeTerminal } from "#src/cli/render/terminal.js";
import { cut, pad, widthOf, wrap } from "#src/cli/render/width.js";

const UTF8 = { LANG: "C.UTF-8" };
const pipe = describeTerminal({}, UTF8, false);

/** A node of a graph; what is not said is neutral. */
function node(id: number, dependencies: number[], dependents: number[], name = `n${id}`) {
  const flags = { passes: false, inProgress: false, blocked: dependencies.length > 0 };
  return { id, name, category: "", priority: id, ...flags, dependencies, dependents };
}

describe("safe text", () => {
  test("control characters, direction marks and hidden ones are written out", () => {
    assert.equal(visible("a\x1b[31mb\x07\n\t\x7f\x9b"), "a\\x1b[31mb\\x07\\n\\t\\x7f\\x9b");
    assert.equal(
      visible("\u202eevil\u2066\u200b\ufeff\u2028"),
      "\\u202eevil\\u2066\\u200b\\ufeff\\u2028",
    );
    assert.equal(visible("\ud800 \u{e0041}"), "\\ud800 \\u{e0041}");
  });

  test("what languages and emoji need stays", () => {
    const text = "Grüße 日本語 👩\u200d💻 עברית";
    assert.equal(visible(text), text);
  });

  test("lines stay lines", () => {
    assert.deepEqual(visibleLines("a\r\nb\tc\x1b"), ["a", "b    c\\x1b"]);
  });
});

describe("width", () => {
  test("wide and combining characters", () => {
    assert.equal(widthOf("日本"), 4);
    assert.equal(widthOf("e\u0301"), 1);
    assert.equal(cut("日本語", 5, "…"), "日本…");
    assert.equal(pad("日", 4, "right"), "  日");
    assert.deepEqual(wrap("one two three", 7), ["one two", "three"]);
    assert.deepEqual(wrap("abcdefgh", 3), ["abc", "def", "gh"]);
  });
});

describe("tables", () => {
  const rows = [{ id: 1, name: "x".repeat(200), note: "y".repeat(50) }];
  const columns = [
    { title: "ID", cell: ({ id }: { id: number }) => String(id) },
    { title: "NAME", cell: ({ name }: { name: string }) => name, minWidth: 10 },
    { title: "NOTE", cell: ({ note }: { note: string }) => note, minWidth: 10, expendable: 1 },
  ];

  test("no line is wider than the terminal", () => {
    for (const width of [20, 30, 40, 80, 200]) {
      const terminal = describeTerminal({ isTTY: true, columns: width }, UTF8, true);
      for (const line of renderTable(rows, columns, terminal).split("\n")) {
        assert.ok(widthOf(line) <= width, `${width}: ${line}`);
      }
    }
  });

  test("a pipe gets everything", () => {
    assert.ok(renderTable(rows, columns, pipe).includes("y".repeat(50)));
  });
});

describe("terminal", () => {
  test("colours only on a terminal that wants them", () => {
    const terminal = { isTTY: true, columns: 80 };
    assert.equal(describeTerminal(terminal, UTF8, false).hasColour, true);
    assert.equal(describeTerminal(terminal, { ...UTF8, NO_COLOR: "1" }, false).hasColour, false);
    assert.equal(describeTerminal(terminal, { ...UTF8, TERM: "dumb" }, false).hasColour, false);
    assert.equal(describeTerminal(terminal, UTF8, true).hasColour, false);
    assert.equal(pipe.hasColour, false);
    assert.equal(pipe.paint("red", "x"), "x");
  });

  test("ASCII where nothing says UTF-8", () => {
    assert.equal(describeTerminal({}, { LANG: "C" }, false).symbols.status.passing, "[x]");
    assert.equal(pipe.symbols.status.passing, "☑");
  });
});

describe("graphs", () => {
  test("a feature that two need is opened once", () => {
    const nodes = [node(1, [], [2, 3]), node(2, [1], [4]), node(3, [1], [4]), node(4, [2, 3], [])];
    assert.deepEqual(renderTree(nodes, pipe).split("\n"), [
      "⚠ #4 n4",
      "├─ ⚠ #2 n2",
      "│  └─ ☐ #1 n1",
      "└─ ⚠ #3 n3",
      "   └─ ☐ #1 n1",
    ]);
  });

  test("a circle and an unknown dependency end", () => {
    const text = renderTree([node(1, [2], [2]), node(2, [1, 9], [1])], pipe);
    assert.deepEqual(text.split("\n"), [
      "⚠ #1 n1",
      "└─ ⚠ #2 n2",
      "   ├─ ⚠ #1 n1 (above)",
      "   └─ #9 (no such feature)",
    ]);
  });

  test("a chain of 10,000 stays readable", () => {
    const chain = Array.from({ length: 10_000 }, (_, at) =>
      node(at + 1, at === 0 ? [] : [at], at === 9999 ? [] : [at + 2]),
    );
    const lines = renderTree(chain, pipe).split("\n");
    assert.ok(lines.length < 11_000);
    assert.ok(Math.max(...lines.map((line) => line.length)) < 100);
    const shown = new Set(lines.map((line) => /#(\d+) /.exec(line)?.[1]));
    assert.equal(shown.size, chain.length);
  });

  test("names cannot leave their labels", () => {
    const evil = [node(1, [], [], 'a"];\n f9-->f1 [x] \\ </b>')];
    assert.equal(
      renderMermaid(evil).split("\n")[1],
      '  f1["#35;1 a#34;#93;#59;#92;n f9--#62;f1 #91;x#93; #92; #60;/b#62;"]:::ready',
    );
    assert.match(
      renderDot(evil).split("\n")[2] ?? "",
      /label="#1 a\\"\];\\\\n f9-->f1 \[x\] \\\\ <\/b>"/,
    );
  });
});
