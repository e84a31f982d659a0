/** The shapes of what the command line prints, for programs. */
import { FlowError } from "../../errors.ts";
import type { Command, Registry } from "../command.ts";
import { didYouMean } from "../../nearest.ts";

/** @param registry the commands whose data it describes; a parameter, since this command is one of them */
export function schemaOf(registry: Registry): Command {
  return {
    usage: "[feature | envelope | error | command | COMMAND…]",
    details: [
      "feature: what stands under data for a feature; envelope: the whole document of",
      "--json; error: what stands under error; command: what --help --json says of a",
      "command. The words of a command: the envelope with the data of that command.",
    ].join("\n"),
    options: {},
    positionals: { min: 0, max: 3 },
    examples: ["flowstore schema envelope", "flowstore schema feature claim --json"],
    data: {
      text: "a JSON Schema (draft 2020-12); without a name an object with all of them by name",
      schema: { type: "object" },
    },
    async run(context) {
      const { SCHEMA_NAMES, schemaNamed, schemaOfCommand } = await import("../schemas.ts");
      const name = context.positionals.join(" ");
      const registration = Object.hasOwn(registry, name) ? registry[name] : undefined;
      const data =
        name === ""
          ? Object.fromEntries(SCHEMA_NAMES.map((known) => [known, schemaNamed(known)]))
          : registration === undefined
            ? schemaNamed(name)
            : schemaOfCommand(name, await registration.load());
      if (data === null) {
        throw new FlowError("BAD_REQUEST", `There is no schema "${name}"`, {
          hint:
            didYouMean(name, [...SCHEMA_NAMES, ...Object.keys(registry)]) ??
            "flowstore schema --help lists the names.",
        });
      }
      return { data, text: () => JSON.stringify(data, null, 2) };
    },
  };
}
