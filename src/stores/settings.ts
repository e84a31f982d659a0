/** Settings: a JSON value for a key, with its history in the log. */

import { requireJson, requireText } from "../model/given.ts";
import { copyJson, sameJson } from "../model/json-values.ts";
import { SETTING_SHAPE, type Setting, type SettingDocument } from "../model/settings.ts";
import { SETTINGS } from "../storage/layout.ts";
import type { Reading, Writing } from "../storage/view.ts";
import { requireBearable } from "./call-size.ts";
import { attribution, type ChangeNote, type StoreContext } from "./context.ts";
import { Documents, fileNameFor, namedAfter } from "./documents.ts";
import { commitNoted } from "./noted-commit.ts";
import type { FindingListener } from "./told.ts";

/** What a project has agreed on: a value for a key. */
export class Settings {
  readonly #context: StoreContext;
  readonly #documents: Documents<SettingDocument>;

  constructor(context: StoreContext) {
    this.#context = context;
    this.#documents = settingDocuments(context.findings);
  }

  /**
   * The value of a key; `null` when it has none. A value may be `null` itself: {@link list} tells.
   *
   * @throws FlowError `CORRUPT` when its file cannot be used, `BAD_REQUEST` for an empty key.
   */
  async get(key: string): Promise<unknown> {
    requireText("Cannot look at the setting", "key", key);
    return this.#context.storage.read((view) => {
      const document = this.#look(view, key);
      return document === null ? null : copyJson(document.value);
    });
  }

  /**
   * Gives a key a value, and logs `setting_changed` in the stream `setting:<key>`; the value that it
   * has already changes nothing.
   *
   * @param key any text that is not empty
   * @param value any JSON value
   * @throws FlowError `BAD_REQUEST`; `CORRUPT` when the key's file cannot be used.
   */
  async set(key: string, value: unknown, options: ChangeNote = {}): Promise<Setting> {
    const doing = "Cannot change the setting";
    requireText(doing, "key", key);
    const newValue = requireJson(doing, "value", value);
    return commitNoted(this.#context, options, [key, newValue], (write) => {
      const before = this.#look(write, key);
      if (before === null || !sameJson(before.value, newValue)) {
        this.#write(write, before, { key, value: newValue }, options);
      }
      return { key, value: copyJson(newValue) };
    });
  }

  /** Every setting, in the order of keys. A file that cannot be used is left out and reported. */
  async list(): Promise<Setting[]> {
    const stored = await this.#context.storage.read((view) => this.#documents.list(view, SETTINGS));
    return stored
      .map(({ value }) => value)
      .sort((left, right) => (left.key < right.key ? -1 : 1))
      .map(({ key, value }) => ({ key, value: copyJson(value) }));
  }

  #look(view: Reading | Writing, key: string): SettingDocument | null {
    return this.#documents.read(view, SETTINGS, fileNameFor(key));
  }

  #write(write: Writing, before: Setting | null, { key, value }: Setting, note: ChangeNote): void {
    const oldValue = before === null ? {} : { oldValue: before.value };
    const event = {
      stream: `setting:${key}`,
      type: "setting_changed",
      ...attribution(this.#context, note),
      payload: { key, ...oldValue, newValue: value },
    };
    requireBearable([key, value], [event]);
    this.#documents.write(write, SETTINGS, fileNameFor(key), { key, value });
    write.append(event);
  }
}

/** The documents of all settings. */
export function settingDocuments(findings: FindingListener): Documents<SettingDocument> {
  return new Documents(
    SETTING_SHAPE,
    findings,
    namedAfter(({ key }) => key),
  );
}
