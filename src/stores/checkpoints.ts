/** Checkpoints: a copy of documents as they are at one moment, and the way back to it. */

import {
  checkpointOf,
  compareCheckpoints,
  countChanges,
  nameOfReplaced,
  noSuchCheckpoint,
  requireScope,
  type Checkpoint,
  type CheckpointDocument,
  type CheckpointScope,
  type RestoredCheckpoint,
} from "../model/checkpoints.ts";
import { FlowError } from "../errors.ts";
import { flagOrFalse, requireText } from "../model/given.ts";
import { shown } from "../model/json-values.ts";
import { toIso } from "../model/time.ts";
import { folderOf, nameOf } from "../storage/layout.ts";
import type { Reading, Writing } from "../storage/view.ts";
import { requireBearable, tooLarge } from "./call-size.ts";
import { logRestored } from "./checkpoint-events.ts";
import { CheckpointFiles, dropCheckpoint, writeCheckpoint } from "./checkpoint-files.ts";
import { isDamaged, lookAt, type ScopeLook } from "./checkpoint-look.ts";
import { planRestore, type RestorePlan } from "./checkpoint-plan.ts";
import { requireNote, type ChangeNote, type StoreContext } from "./context.ts";

/** What is saved, and over what. */
export interface SaveCheckpointOptions extends ChangeNote {
  /** Default: all kinds. */
  readonly scope?: readonly CheckpointScope[] | undefined;
  /** Takes the place of a checkpoint of that name. Default: false. */
  readonly replace?: boolean | undefined;
}

/** How one goes back. */
export interface RestoreCheckpointOptions extends ChangeNote {
  /** Only tells what would become of each document. Default: false. */
  readonly dryRun?: boolean | undefined;
}

/** Copies of documents, of this clone alone (`local/checkpoints/`). */
export class Checkpoints {
  readonly #context: StoreContext;

  constructor(context: StoreContext) {
    this.#context = context;
  }

  /**
   * Saves the documents of a scope, tombstones among them, as they are at one moment: no other
   * writer comes between, and what is committed and not yet in the files is in the copy. With
   * features their leases. Durable when it returns; logs nothing, since nobody else sees it.
   *
   * @param name any text that is not empty
   * @throws FlowError `CONFLICT` when there is one of that name, unless `replace`; `CORRUPT`,
   * naming it, when a document of the scope cannot be used: a copy to go back to must be whole;
   * `BAD_REQUEST`.
   */
  async save(name: string, options: SaveCheckpointOptions = {}): Promise<Checkpoint> {
    const doing = "Cannot save the checkpoint";
    requireText(doing, "name", name);
    const scope = requireScope(doing, requireNote(options, { scope: true, replace: true }).scope);
    const replace = flagOrFalse(doing, "replace", options.replace);
    return this.#commit((write) => {
      const files = this.#files(write);
      if (!replace && files.has(name)) throw isTaken(name);
      const look = lookAt(write, scope);
      this.#refuseDamaged(look);
      requireBearable([...look.documents.values()].map(({ text }) => text));
      return checkpointOf(this.#save(write, name, scope, look, options));
    });
  }

  /**
   * Brings back exactly the bytes that were saved, in one commit: also of documents that were
   * deleted or edited by hand since. What came since gets a tombstone; no id is given again. What
   * is replaced is saved first as another checkpoint, whose name is returned: going back to that
   * undoes this. Events stay; `checkpoint_restored` is logged, and an event for each document.
   *
   * A damaged document gets its saved bytes too: its text is in the checkpoint that was saved
   * first, bytes that are no text in `local/quarantine/`. One that came since is left as it is.
   *
   * A feature whose claim comes back has the lease that it had then, so it may be over; one whose
   * claim is the same keeps its lease as it was renewed since; a claim that had none has none.
   *
   * When nothing differs, nothing is written.
   *
   * @throws FlowError `NOT_FOUND`; `CORRUPT` when the copy is not what was saved, or when a folder
   * or a link stands in a document's place; `BAD_REQUEST`. Nothing is changed then.
   */
  async restore(name: string, options: RestoreCheckpointOptions = {}): Promise<RestoredCheckpoint> {
    const doing = "Cannot restore the checkpoint";
    requireText(doing, "name", name);
    const dryRun = flagOrFalse(doing, "dryRun", requireNote(options, { dryRun: true }).dryRun);
    if (dryRun) {
      return this.#context.storage.read((view) => {
        const { manifest, plan } = this.#plan(view, name);
        return restored(manifest, plan, null);
      });
    }
    return this.#commit((write) => {
      const { manifest, plan, look } = this.#plan(write, name);
      if (plan.rewrites.length === 0) return restored(manifest, plan, null);
      const saved = this.#saveReplaced(write, manifest, look, options);
      carryOut(write, plan);
      logRestored(this.#context, write, { manifest, plan, saved }, options);
      return restored(manifest, plan, saved);
    });
  }

  /**
   * What describes a checkpoint; `null` when there is none.
   *
   * @throws FlowError `CORRUPT` when its manifest cannot be used; `BAD_REQUEST`.
   */
  async get(name: string): Promise<Checkpoint | null> {
    requireText("Cannot look at the checkpoint", "name", name);
    return this.#context.storage.read((view) => {
      const manifest = this.#files(view).find(name);
      return manifest === null ? null : checkpointOf(manifest);
    });
  }

  /** Every checkpoint, newest first. One whose manifest cannot be used is left out and reported. */
  async list(): Promise<Checkpoint[]> {
    const manifests = await this.#context.storage.read((view) => this.#files(view).all());
    return manifests.sort(compareCheckpoints).map(checkpointOf);
  }

  /**
   * Deletes a checkpoint, also a damaged one. Logs nothing.
   *
   * @returns its name.
   * @throws FlowError `NOT_FOUND`, `BAD_REQUEST`.
   */
  async delete(name: string, options: ChangeNote = {}): Promise<{ readonly name: string }> {
    requireText("Cannot delete the checkpoint", "name", name);
    requireNote(options, {});
    return this.#commit((write) => {
      if (!this.#files(write).has(name)) throw noSuchCheckpoint(name);
      dropCheckpoint(write, name);
      return { name };
    });
  }

  // ---- parts ---------------------------------------------------------------------------------

  #files(view: Reading | Writing): CheckpointFiles {
    return new CheckpointFiles(view, this.#context.findings);
  }

  #refuseDamaged({ documents }: ScopeLook): void {
    for (const { described } of documents.values()) {
      if (!isDamaged(described)) continue;
      this.#context.findings.report(described.finding);
      throw described.error;
    }
  }

  #save(
    write: Writing,
    name: string,
    scope: readonly CheckpointScope[],
    { documents: found, leases }: ScopeLook,
    { agent, note }: ChangeNote,
  ): CheckpointDocument {
    const documents = new Map<string, string>();
    const unreadable: string[] = [];
    for (const { path, text } of found.values()) {
      if (text === null) unreadable.push(path);
      else documents.set(path, text);
    }
    const label = {
      name,
      createdAt: this.#now(),
      agent: agent ?? this.#context.actor,
      ...(note === undefined ? {} : { note }),
      scope,
      ...(unreadable.length === 0 ? {} : { unreadable }),
    };
    return writeCheckpoint(write, label, { documents, leases });
  }

  #saveReplaced(
    write: Writing,
    { name, scope }: CheckpointDocument,
    look: ScopeLook,
    note: ChangeNote,
  ): string {
    const files = this.#files(write);
    const saved = nameOfReplaced(this.#now(), (one) => files.has(one));
    const why = `before ${shown(name)} was restored`;
    this.#save(write, saved, scope, look, { ...note, note: note.note ?? why });
    return saved;
  }

  #plan(
    view: Reading | Writing,
    name: string,
  ): { manifest: CheckpointDocument; plan: RestorePlan; look: ScopeLook } {
    const { manifest, content } = this.#files(view).read(name);
    const look = lookAt(view, manifest.scope);
    const plan = planRestore(manifest, content, look, this.#now());
    for (const { path, change } of plan.documents) {
      const described = look.documents.get(path)?.described;
      if (change !== "left" || described === undefined || !isDamaged(described)) continue;
      this.#context.findings.report(described.finding);
    }
    return { manifest, plan, look };
  }

  #now(): string {
    return toIso(this.#context.nowMs());
  }

  async #commit<T>(decide: (write: Writing) => T): Promise<T> {
    return tooLarge(this.#context.storage.commit(decide));
  }
}

function restored(
  manifest: CheckpointDocument,
  { documents }: RestorePlan,
  saved: string | null,
): RestoredCheckpoint {
  return {
    checkpoint: checkpointOf(manifest),
    saved,
    counts: countChanges(documents),
    documents: documents.map(({ path, change }) => ({ path, change })),
  };
}

function carryOut(write: Writing, { rewrites, leases }: RestorePlan): void {
  for (const { path, text } of rewrites) write.put(folderOf(path), nameOf(path), text);
  for (const [path, text] of leases) {
    if (text === null) write.drop(folderOf(path), nameOf(path));
    else write.put(folderOf(path), nameOf(path), text);
  }
}

function isTaken(name: string): FlowError {
  return new FlowError("CONFLICT", `Cannot save the checkpoint ${shown(name)}: there is one`, {
    context: { kind: "checkpoint", name },
    hint: "Choose another name, or say that it is to be replaced.",
  });
}
