/** Settings: a JSON value for a key. */
import { anything, nullable, optional, text, time, type Shape } from "./shape.ts";

/** A setting, as every call returns it: plain data. */
export interface Setting {
  /** Any text. */
  readonly key: string;
  /** Any JSON value, `null` too. */
  readonly value: unknown;
}

/** One setting as it lies in its file. */
export interface SettingDocument extends Setting {
  /** Only on tombstones: a restore of a checkpoint took it away. */
  readonly deletedAt?: string | null | undefined;
}

export const SETTING_SHAPE: Shape<SettingDocument> = {
  name: "setting",
  about: "A setting.",
  fields: {
    key: text("Its own among all settings; the file is named after it."),
    value: anything("Any JSON value."),
    deletedAt: optional(nullable(time("When it was deleted; a tombstone."))),
  },
};
