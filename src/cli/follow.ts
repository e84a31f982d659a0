/** Prints events as they come, one a line, until it is interrupted or nobody reads any more. */
import type { StoredEvent, SubscriptionItem } from "../index.ts";
import type { CommandContext, CommandResult } from "./command.ts";
import { success } from "./envelope.ts";
import { EXIT_DONE, EXIT_INTERRUPTED } from "./exit-codes.ts";
import { print } from "./streams.ts";

/** What is followed. */
export interface Followed {
  /** Printed first. */
  readonly before: readonly StoredEvent[];
  /** The item that was asked for already, if any. */
  readonly first?: Promise<IteratorResult<SubscriptionItem, void>>;
  readonly items: AsyncGenerator<SubscriptionItem, void, void>;
  readonly wants: (event: StoredEvent) => boolean;
}

/** With `--json` one envelope a line: an event under `data`, or once `null` with `meta.caughtUp`. */
export async function follow(
  context: CommandContext,
  command: string,
  { before, first, items, wants }: Followed,
): Promise<CommandResult> {
  const isJson = context.options.flag("json");
  const { renderEventLine } = await import("./render/event-table.ts");
  const lineOf = (event: StoredEvent | null, meta: Readonly<Record<string, unknown>>): string => {
    if (isJson) return `${JSON.stringify(success(command, event, context.warnings(), meta))}\n`;
    return event === null ? "" : `${renderEventLine(event)}\n`;
  };
  let isRead = true;
  const say = async (text: string): Promise<void> => {
    if (text !== "") isRead = await print(process.stdout, text);
  };
  await say(before.map((event) => lineOf(event, {})).join(""));
  // An item is taken, and its place kept, when the next one is asked for: so it is printed before.
  for (let next = await (first ?? items.next()); isRead && next.done !== true;) {
    const { event, cursor, caughtUp } = next.value;
    if (caughtUp === true) await say(lineOf(null, { caughtUp, cursor }));
    else if (wants(event)) await say(lineOf(event, { cursor }));
    await context.tell(context.warnings());
    if (isRead) next = await items.next();
  }
  await items.return();
  const exitCode = context.signal.aborted ? EXIT_INTERRUPTED : EXIT_DONE;
  return { data: null, exitCode, isPrinted: true, text: () => "" };
}
