/** What is wrong with a file, in a form that people and programs read alike. */

/** One thing that `check`, `status().problems` and `onWarning` tell. */
export interface Finding {
  /** The file, relative to the root. */
  readonly file: string;
  /** From 1, where a line can be named. */
  readonly line?: number;
  /** A stable name of the rule that is broken, such as `not-json`. */
  readonly rule: string;
  readonly severity: "error" | "warning";
  readonly message: string;
  /** What `repair` would do, or a person can; absent when there is nothing sensible to say. */
  readonly fix?: string;
}
