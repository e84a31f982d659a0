/** Events as they come, for programs: from a place on, or in the name of a group that keeps its own. */
import type { Command, CommandContext } from "../command.ts";
import { objectOf } from "../data-shapes.ts";
import { follow } from "../follow.ts";

const PLACES: Readonly<Record<string, string | number>> = { start: 1, end: "end" };

export const watch: Command = {
  usage: "[--from PLACE] [--stream NAME] [--type NAME] [--group NAME]",
  details: [
    "One event a line, in the order of numbers, until it is interrupted; with --json",
    "one envelope a line, with the event under data and meta.cursor, and once null",
    "with meta.caughtUp. A PLACE is start, end (which it is without this option), a",
    "number, or a cursor: then it goes on behind that event.",
    "--group keeps the place under a name: whoever watches by it goes on where the",
    "last one was, at first from the start. Of several at a time one is served and",
    "the others stand by. An event may come twice when its watcher was killed.",
  ].join("\n"),
  options: {
    from: { type: "string", value: "PLACE", help: "Where to begin" },
    stream: { type: "string", value: "NAME", help: "Only of this stream" },
    type: { type: "string", value: "NAME", help: "Only of this type" },
    group: { type: "string", value: "NAME", help: "Keep the place under this name" },
  },
  positionals: { min: 0, max: 0 },
  examples: [
    "flowstore watch",
    "flowstore watch --type claimed --from start --json",
    "flowstore watch --group notifier --json",
  ],
  data: {
    text: "a line each: { sequence, id, stream, version, type, payload, … } with meta.cursor; once null with meta.caughtUp",
    schema: { anyOf: [objectOf({ sequence: { type: "integer" } }), { type: "null" }] },
  },
  async run(context) {
    const { options, signal } = context;
    const group = options.text("group");
    const store = await context.openStore(group === undefined ? "read" : "write");
    const items = store.events.subscribe({
      from: fromOf(context, group),
      stream: options.text("stream"),
      type: options.text("type"),
      group,
      signal,
    });
    return follow(context, "watch", { before: [], items, wants: () => true });
  },
};

function fromOf({ options }: CommandContext, group: string | undefined): string | number {
  const place = options.text("from") ?? (group === undefined ? "end" : "start");
  if (/^[1-9]\d*$/.test(place)) return Number(place);
  return (Object.hasOwn(PLACES, place) ? PLACES[place] : undefined) ?? place;
}
