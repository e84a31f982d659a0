/** `flowstore demo`: agents build a plan together, one is killed, and the log proves the rest. */
import { FlowError } from "../../errors.ts";
import type { FlowStore } from "../../index.ts";
import type { Command, CommandContext } from "../command.ts";
import { ANY_OBJECT, listOf, objectOf } from "../data-shapes.ts";
import { createBoard, NO_BOARD, type Board } from "../demo/board.ts";
import { commitAll, git } from "../demo/git.ts";
import { LEASE_MS, play, type Played } from "../demo/play.ts";
import { renderProof } from "../demo/proof-text.ts";
import { buildScene, strike, type Scene } from "../demo/scene.ts";
import { show, type Shown } from "../demo/show.ts";
import { EXIT_DONE, EXIT_FOUND_ERRORS } from "../exit-codes.ts";
import { visible } from "../render/safe-text.ts";
import type { Terminal } from "../render/terminal.ts";
import { cut } from "../render/width.ts";
import { readInteger } from "../values.ts";

const DEFAULT_AGENTS = 4;

/** One alone has nobody to take its feature over; more than this and a small machine only swaps. */
const MIN_AGENTS = 2;
const MAX_AGENTS = 16;

const DEFAULT_SEED = 1;

/** A line of the event log has hundreds of columns; its beginning says enough. */
const MAX_SHOWN_WIDTH = 110;
const INDENT = "  ";

export const demo: Command = {
  usage: "[options]",
  details:
    "Makes a git repository in a temporary folder, imports a plan of 72 features and\n" +
    "lets agent processes build it. One of them is killed while it holds a feature;\n" +
    `its lease of ${LEASE_MS} ms ends, and another takes over. At the end the event log is\n` +
    "replayed: each feature passed once, none held by two, nothing lost. Exit code 4\n" +
    "when that is not so.",
  options: {
    agents: {
      type: "string",
      value: "N",
      help: `How many agents work, ${MIN_AGENTS} to ${MAX_AGENTS} (default ${DEFAULT_AGENTS})`,
    },
    seed: { type: "string", value: "N", help: "Seed of what agents do and when (default 1)" },
    keep: { type: "boolean", help: "Keep the folder, to look around in it" },
  },
  positionals: { min: 0, max: 0 },
  examples: ["flowstore demo", "flowstore demo --agents 8 --keep"],
  data: {
    text: "{ folder, isKept, plan, agents, seed, durationMs, killed, proof, shown }; proof.holds says whether all of it is so, and when it is not the folder is kept",
    schema: objectOf({
      folder: { type: "string" },
      isKept: { type: "boolean" },
      plan: { type: "string" },
      agents: { type: "integer" },
      seed: { type: "integer" },
      durationMs: { type: "integer" },
      killed: { anyOf: [ANY_OBJECT, { type: "null" }] },
      proof: ANY_OBJECT,
      shown: listOf(ANY_OBJECT),
    }),
  },

  async run(context) {
    const { options, terminal, signal } = context;
    const agents = readInteger(options.text("agents") ?? String(DEFAULT_AGENTS), "--agents");
    const seed = readInteger(options.text("seed") ?? String(DEFAULT_SEED), "--seed");
    if (agents < MIN_AGENTS || agents > MAX_AGENTS) {
      throw new FlowError("BAD_REQUEST", `--agents must be ${MIN_AGENTS} to ${MAX_AGENTS}`);
    }
    const board = boardOf(context);
    let isKept = options.flag("keep");

    const scene = await buildScene();
    const sweep = (): void => {
      if (!isKept) strike(scene.folder);
    };
    // An interrupted command is given a moment, then the process ends without waiting for it.
    process.once("exit", sweep);
    try {
      const { store, folder, features, plan, commit } = scene;
      board.say(
        `${features} features of ${plan} imported into ${folder} and committed (${commit})`,
      );
      const played = await play(store, { folder, features, agents, seed, signal, board });
      const shown = lookAround(scene, await changeOnceMore(store, scene, played));
      const { durationMs, killed, proof } = played;
      // What went wrong is to be looked at.
      if (!proof.holds) isKept = true;
      return {
        data: { folder, isKept, plan, agents, seed, durationMs, killed, proof, shown },
        exitCode: proof.holds ? EXIT_DONE : EXIT_FOUND_ERRORS,
        text: () =>
          [
            "",
            renderProof(proof, terminal),
            "",
            terminal.paint("bold", "The state is files"),
            ...shown.map((look) => renderShown(look, terminal)),
            "",
            isKept ? `Kept: ${folder}` : `Removed: ${folder} (--keep keeps it)`,
          ].join("\n"),
      };
    } finally {
      await scene.store.close();
      sweep();
      process.removeListener("exit", sweep);
    }
  },
};

function boardOf({ options, terminal }: CommandContext): Board {
  if (options.flag("json") || options.flag("quiet")) return NO_BOARD;
  const isLive = process.stdout.isTTY && process.env["TERM"] !== "dumb";
  const write = (text: string): void => {
    process.stdout.write(text);
  };
  return createBoard({ terminal, isLive, write });
}

/** Commits what the agents did, then lets a reviewer take one feature back; gives its id. */
async function changeOnceMore(
  store: FlowStore,
  { folder, features }: Scene,
  { killed }: Played,
): Promise<number> {
  commitAll(folder, `Built: ${features} features`);
  const featureId = killed?.featureId ?? 1;
  await store.features.markFailing(featureId, { agent: "reviewer", note: "needs another look" });
  // A new segment of the log has no place in git's diff until git was told of the file.
  git(folder, "add", "--intent-to-add", ".");
  return featureId;
}

function lookAround({ folder }: Scene, featureId: number): Shown[] {
  const file = `.flow/features/${featureId}-*.json`;
  return show(folder, [
    { command: `cat ${file}`, lines: 40 },
    { command: `grep -l '"passes": true' .flow/features/*.json | wc -l`, lines: 1 },
    { command: `grep -h '"lease_expired"' .flow/events/*.jsonl`, lines: 2 },
    {
      command: `jq -rs 'group_by(.category)[] | "\\(length) \\(.[0].category)"' .flow/features/*.json`,
      lines: 4,
    },
    { command: "git log --oneline", lines: 3 },
    { command: "git diff --stat", lines: 6 },
  ]);
}

function renderShown({ command, output, note }: Shown, terminal: Terminal): string {
  const { ellipsis } = terminal.symbols;
  const width = Math.min(terminal.width, MAX_SHOWN_WIDTH) - INDENT.length;
  const lines = (output ?? []).map((line) => INDENT + cut(visible(line), width, ellipsis));
  const rest = note === null ? [] : [INDENT + terminal.paint("dim", `(${note})`)];
  return ["", `${terminal.paint("cyan", "$")} ${command}`, ...lines, ...rest].join("\n");
}
