/** A session at the command line, step by step: what is typed, and all that comes of it. */
import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { masked, openStoreShell, type RunOptions, type Shell } from "../cli/support.ts";

/** What a step comes to; lines with ids and times masked. What is absent is empty. */
export interface Expected extends RunOptions {
  readonly exit?: number;
  readonly stdout?: readonly string[];
  readonly stderr?: readonly string[];
}

/** A store, and a way to type commands in its folder. */
export interface Session extends Shell {
  /** Types a command; returns the first line of what it printed, unmasked. */
  step(words: readonly string[], expected?: Expected): Promise<string>;
}

/** Begins a session in a folder with a store. */
export async function openSession(context: TestContext): Promise<Session> {
  const shell = await openStoreShell(context);
  const step = async (words: readonly string[], expected: Expected = {}): Promise<string> => {
    const { exit = 0, stdout = [], stderr = [], ...options } = expected;
    const outcome = await shell.run(words, options);
    const typed = `flowstore ${words.join(" ")}\n${outcome.stderr}`;
    assert.equal(outcome.exit, exit, typed);
    assert.deepEqual(linesOf(outcome.stdout, shell.folder), stdout, typed);
    assert.deepEqual(linesOf(outcome.stderr, shell.folder), stderr, typed);
    return outcome.stdout.split("\n", 1)[0] ?? "";
  };
  return { ...shell, step };
}

function linesOf(text: string, folder: string): string[] {
  return text === "" ? [] : masked(text, folder).replace(/\n$/, "").split("\n");
}
