/** Every command: its words, its one line, and the file that does it, loaded when it is called. */
import type { Registry } from "./command.ts";

/** In the order in which the help lists them. */
export const REGISTRY: Registry = {
  init: {
    summary: "Make a store in this folder",
    load: async () => (await import("./commands/store.ts")).init,
  },
  status: {
    summary: "Show what the store holds and what is wrong with it",
    load: async () => (await import("./commands/store.ts")).status,
  },
  import: {
    summary: "Bring in a plan of features from a file",
    load: async () => (await import("./commands/import.ts")).importCommand,
  },
  export: {
    summary: "Write all features as a plan",
    load: async () => (await import("./commands/export.ts")).exportCommand,
  },
  check: {
    summary: "Look for damage in all files",
    load: async () => (await import("./commands/store.ts")).check,
  },
  repair: {
    summary: "Mend what check found, after a copy of it",
    load: async () => (await import("./commands/store.ts")).repair,
  },
  schema: {
    summary: "Print the JSON Schema of what --json prints",
    load: async () => (await import("./commands/schema.ts")).schemaOf(REGISTRY),
  },
  "feature create": {
    summary: "Add a feature, or several from JSON",
    load: async () => (await import("./commands/feature-create.ts")).create,
  },
  "feature list": {
    summary: "List features",
    load: async () => (await import("./commands/feature-list.ts")).list,
  },
  "feature show": {
    summary: "Show everything about a feature",
    load: async () => (await import("./commands/feature-list.ts")).show,
  },
  "feature ready": {
    summary: "List the features that can be begun",
    load: async () => (await import("./commands/feature-list.ts")).ready,
  },
  "feature blocked": {
    summary: "List the features that wait for others",
    load: async () => (await import("./commands/feature-list.ts")).blocked,
  },
  "feature next": {
    summary: "Show what claim --next would take",
    load: async () => (await import("./commands/feature-next.ts")).next,
  },
  "feature claim": {
    summary: "Take a feature to work on it; of several agents exactly one gets it",
    load: async () => (await import("./commands/feature-claim.ts")).claim,
  },
  "feature renew": {
    summary: "Let a claim of your own last longer",
    load: async () => (await import("./commands/feature-claim.ts")).renew,
  },
  "feature pass": {
    summary: "Mark features as passing",
    load: async () => (await import("./commands/feature-state.ts")).pass,
  },
  "feature fail": {
    summary: "Mark features as not passing",
    load: async () => (await import("./commands/feature-state.ts")).fail,
  },
  "feature start": {
    summary: "Mark features as in progress, held by the actor",
    load: async () => (await import("./commands/feature-state.ts")).start,
  },
  "feature release": {
    summary: "Give back features that are in progress",
    load: async () => (await import("./commands/feature-claim.ts")).release,
  },
  "feature skip": {
    summary: "Put features behind all others",
    load: async () => (await import("./commands/feature-state.ts")).skip,
  },
  "feature update": {
    summary: "Change fields of a feature",
    load: async () => (await import("./commands/feature-edit.ts")).update,
  },
  "feature delete": {
    summary: "Delete features",
    load: async () => (await import("./commands/feature-edit.ts")).deleteCommand,
  },
  "feature dep add": {
    summary: "Make a feature wait for others",
    load: async () => (await import("./commands/feature-dep.ts")).add,
  },
  "feature dep rm": {
    summary: "Let a feature wait for others no longer",
    load: async () => (await import("./commands/feature-dep.ts")).remove,
  },
  "feature dep set": {
    summary: "Replace all that a feature waits for",
    load: async () => (await import("./commands/feature-dep.ts")).set,
  },
  "feature graph": {
    summary: "Show which feature needs which",
    load: async () => (await import("./commands/feature-graph.ts")).graph,
  },
  "feature stats": {
    summary: "Count features by state",
    load: async () => (await import("./commands/feature-list.ts")).stats,
  },
  "feature history": {
    summary: "Show what happened to a feature",
    load: async () => (await import("./commands/history.ts")).history,
  },
  events: {
    summary: "Show the newest events of the store",
    load: async () => (await import("./commands/history.ts")).events,
  },
  demo: {
    summary: "Watch agents build a plan together, one of them killed, and the proof",
    load: async () => (await import("./commands/demo.ts")).demo,
  },
};

/** The words that commands begin with and that are none by themselves. */
export const GROUPS: ReadonlySet<string> = new Set(
  Object.keys(REGISTRY).flatMap((command) => {
    const words = command.split(" ");
    return words.slice(1).map((_, at) => words.slice(0, at + 1).join(" "));
  }),
);
