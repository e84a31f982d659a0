/** Every command: its words, its one line, and the file that does it, loaded when it is called. */
import type { Registry } from "./command.ts";

/** In the order in which the help lists them. */
export const REGISTRY: Registry = {
  init: {
    summary: "Make a store in this folder",
    load: async () => (await import("./commands/store.ts")).init,
  },
  status: {
    summary: "Show what is done, under way and wrong",
    load: async () => (await import("./commands/status.ts")).status,
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
  lock: {
    summary: "Lock files and folders for a task, all or none",
    load: async () => (await import("./commands/lock.ts")).lock,
  },
  unlock: {
    summary: "Give back locks",
    load: async () => (await import("./commands/lock.ts")).unlock,
  },
  locks: {
    summary: "Show who holds what; guard a commit",
    load: async () => (await import("./commands/lock-list.ts")).locks,
  },
  heartbeat: {
    summary: "Let the locks of a task live on",
    load: async () => (await import("./commands/lock.ts")).heartbeat,
  },
  "phase done": {
    summary: "Note that phases of a task are done",
    load: async () => (await import("./commands/phase.ts")).done,
  },
  "phase list": {
    summary: "Show which phases of a task are done",
    load: async () => (await import("./commands/phase.ts")).list,
  },
  "phase next": {
    summary: "Show which phase of a task comes next",
    load: async () => (await import("./commands/phase.ts")).next,
  },
  "phase reset": {
    summary: "Forget which phases of a task are done",
    load: async () => (await import("./commands/phase.ts")).reset,
  },
  "pipeline show": {
    summary: "Show where an epic stands",
    load: async () => (await import("./commands/pipeline.ts")).show,
  },
  "pipeline list": {
    summary: "Show where every epic stands",
    load: async () => (await import("./commands/pipeline.ts")).list,
  },
  "pipeline start": {
    summary: "Begin the pipeline of an epic",
    load: async () => (await import("./commands/pipeline.ts")).start,
  },
  "pipeline set": {
    summary: "Put an epic into a phase",
    load: async () => (await import("./commands/pipeline.ts")).set,
  },
  "pipeline advance": {
    summary: "Move an epic on; of several that try exactly one does",
    load: async () => (await import("./commands/pipeline.ts")).advance,
  },
  "gap add": {
    summary: "Note what an epic lacks",
    load: async () => (await import("./commands/gap.ts")).add,
  },
  "gap list": {
    summary: "List the gaps of an epic",
    load: async () => (await import("./commands/gap-list.ts")).list,
  },
  "gap resolve": {
    summary: "Resolve gaps, with evidence",
    load: async () => (await import("./commands/gap.ts")).resolve,
  },
  "gap remove": {
    summary: "Remove gaps that were none",
    load: async () => (await import("./commands/gap.ts")).remove,
  },
  "gap check": {
    summary: "Ask whether gaps keep an epic from being closed",
    load: async () => (await import("./commands/gap-list.ts")).check,
  },
  "decision log": {
    summary: "Keep what was decided, and why",
    load: async () => (await import("./commands/decision.ts")).log,
  },
  "decision list": {
    summary: "Show the newest decisions",
    load: async () => (await import("./commands/decision.ts")).list,
  },
  "approval create": {
    summary: "Ask for a decision",
    load: async () => (await import("./commands/approval.ts")).create,
  },
  "approval list": {
    summary: "List approvals",
    load: async () => (await import("./commands/approval.ts")).list,
  },
  "approval show": {
    summary: "Show everything about an approval",
    load: async () => (await import("./commands/approval.ts")).show,
  },
  "approval approve": {
    summary: "Approve; of several decisions exactly one counts",
    load: async () => (await import("./commands/approval.ts")).approve,
  },
  "approval reject": {
    summary: "Reject; of several decisions exactly one counts",
    load: async () => (await import("./commands/approval.ts")).reject,
  },
  "approval wait": {
    summary: "Wait until an approval is decided",
    load: async () => (await import("./commands/approval.ts")).wait,
  },
  "memory add": {
    summary: "Remember something, once",
    load: async () => (await import("./commands/memory.ts")).add,
  },
  "memory list": {
    summary: "List what is remembered",
    load: async () => (await import("./commands/memory.ts")).list,
  },
  "memory show": {
    summary: "Show an entry whole",
    load: async () => (await import("./commands/memory.ts")).show,
  },
  "memory search": {
    summary: "Find entries by their text and tags",
    load: async () => (await import("./commands/memory.ts")).search,
  },
  "memory verify": {
    summary: "Say that an entry still holds",
    load: async () => (await import("./commands/memory.ts")).verify,
  },
  "memory delete": {
    summary: "Forget entries",
    load: async () => (await import("./commands/memory.ts")).deleteCommand,
  },
  "scout-cache get": {
    summary: "Look for a result that is still good",
    load: async () => (await import("./commands/scout-cache.ts")).get,
  },
  "scout-cache set": {
    summary: "Keep a result for a day",
    load: async () => (await import("./commands/scout-cache.ts")).set,
  },
  "scout-cache clear": {
    summary: "Drop all results",
    load: async () => (await import("./commands/scout-cache.ts")).clear,
  },
  "output write": {
    summary: "Write what a task hands on",
    load: async () => (await import("./commands/output.ts")).write,
  },
  "output show": {
    summary: "Show what a task handed on",
    load: async () => (await import("./commands/output.ts")).show,
  },
  "output list": {
    summary: "List what tasks handed on",
    load: async () => (await import("./commands/output.ts")).list,
  },
  "setting get": {
    summary: "Show the value of a key",
    load: async () => (await import("./commands/setting.ts")).get,
  },
  "setting set": {
    summary: "Give a key a value",
    load: async () => (await import("./commands/setting.ts")).set,
  },
  "setting list": {
    summary: "List keys and values",
    load: async () => (await import("./commands/setting.ts")).list,
  },
  "checkpoint save": {
    summary: "Keep a copy of the state as it is now",
    load: async () => (await import("./commands/checkpoint.ts")).save,
  },
  "checkpoint restore": {
    summary: "Go back to a copy; what is replaced is kept",
    load: async () => (await import("./commands/checkpoint.ts")).restore,
  },
  "checkpoint list": {
    summary: "List the copies",
    load: async () => (await import("./commands/checkpoint.ts")).list,
  },
  "checkpoint show": {
    summary: "Show when and of what a copy was made",
    load: async () => (await import("./commands/checkpoint.ts")).show,
  },
  "checkpoint delete": {
    summary: "Delete copies",
    load: async () => (await import("./commands/checkpoint.ts")).deleteCommand,
  },
  "workflow list": {
    summary: "List executions of workflows",
    load: async () => (await import("./commands/workflow.ts")).list,
  },
  "workflow show": {
    summary: "Show the steps of an execution, and what comes next",
    load: async () => (await import("./commands/workflow.ts")).show,
  },
  "workflow history": {
    summary: "Show what happened to an execution",
    load: async () => (await import("./commands/workflow.ts")).history,
  },
  "workflow signal": {
    summary: "Send a signal to an execution",
    load: async () => (await import("./commands/workflow-change.ts")).signal,
  },
  "workflow cancel": {
    summary: "End executions; what they did is taken back",
    load: async () => (await import("./commands/workflow-change.ts")).cancel,
  },
  "workflow retry": {
    summary: "Let executions that failed run again",
    load: async () => (await import("./commands/workflow-change.ts")).retry,
  },
  "workflow gc": {
    summary: "Delete executions that are over and old",
    load: async () => (await import("./commands/workflow-change.ts")).gc,
  },
  events: {
    summary: "Show the newest events of the store",
    load: async () => (await import("./commands/events.ts")).events,
  },
  "events replay": {
    summary: "Show the state of a stream after each of its events",
    load: async () => (await import("./commands/events-replay.ts")).replay,
  },
  "events archive": {
    summary: "Pack closed segments of the log by gzip",
    load: async () => (await import("./commands/events-archive.ts")).archive,
  },
  "events verify": {
    summary: "Read every line of the log and compare its checksum",
    load: async () => (await import("./commands/store.ts")).verify,
  },
  watch: {
    summary: "Print events as they come, from any process",
    load: async () => (await import("./commands/events-watch.ts")).watch,
  },
  query: {
    summary: "Ask one SELECT of the tables of rows and of the log",
    load: async () => (await import("./commands/query.ts")).query,
  },
  "blob put": {
    summary: "Give a key its content, from a file or standard input",
    load: async () => (await import("./commands/blob.ts")).put,
  },
  "blob get": {
    summary: "Write the content of a key to a file or standard output",
    load: async () => (await import("./commands/blob.ts")).get,
  },
  "blob list": {
    summary: "List keys and what they have",
    load: async () => (await import("./commands/blob.ts")).list,
  },
  "blob stat": {
    summary: "Show what a key has, without its content",
    load: async () => (await import("./commands/blob.ts")).stat,
  },
  "blob remove": {
    summary: "Take keys away; contents stay until gc",
    load: async () => (await import("./commands/blob.ts")).remove,
  },
  "blob gc": {
    summary: "Remove contents that no key has any more",
    load: async () => (await import("./commands/blob.ts")).gc,
  },
  "blob verify": {
    summary: "Read every content and compare its checksum",
    load: async () => (await import("./commands/blob.ts")).verify,
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
