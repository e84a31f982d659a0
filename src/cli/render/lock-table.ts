/** Locks for people: who holds what, since when, for how long yet. */
import type { LockEntry, LockEvent, LockHolder, LockWaiter } from "../../index.ts";
import { timeSpan } from "./time-span.ts";
import { renderTable, type Column } from "./table.ts";
import type { Colour, Terminal } from "./terminal.ts";

/** @param nowMs what ages and ends are counted from. */
export function renderLocks(
  locks: readonly LockHolder[],
  terminal: Terminal,
  nowMs: number,
): string {
  if (locks.length === 0) return "No locks";
  return renderTable(locks, columns(terminal, nowMs), terminal);
}

function columns(terminal: Terminal, nowMs: number): Column<LockHolder>[] {
  const isOver = (lock: LockHolder): boolean => lock.alive === false || leftOf(lock, nowMs) <= 0;
  const colour = (lock: LockHolder): Colour => {
    if (isOver(lock)) return "dim";
    return lock.mode === "write" ? "yellow" : "green";
  };
  return [
    { title: "PATH", cell: ({ path }) => path, minWidth: 16 },
    {
      title: "MODE",
      cell: ({ mode }) => mode,
      paint: (text, lock) => terminal.paint(colour(lock), text),
    },
    { title: "TASK", cell: ({ taskId }) => taskId, minWidth: 8 },
    { title: "OWNER", cell: ({ owner }) => owner, minWidth: 6, expendable: 1 },
    { title: "AGE", cell: ({ ageMs }) => timeSpan(ageMs), align: "right", expendable: 2 },
    { title: "LEFT", cell: (lock) => leftText(lock, nowMs), align: "right" },
    { title: "ALIVE", cell: ({ alive }) => aliveText(alive), expendable: 3 },
  ];
}

function leftOf({ expiresAt }: LockEntry, nowMs: number): number {
  return Date.parse(expiresAt) - nowMs;
}

function leftText(lock: LockEntry, nowMs: number): string {
  const left = leftOf(lock, nowMs);
  return left > 0 ? timeSpan(left) : "over";
}

/** Of a lock that is bound to no process nothing can be said. */
function aliveText(alive: boolean | null): string {
  return alive === null ? "-" : alive ? "yes" : "no";
}

/** What was granted, with the tokens that the holder hands on. */
export function renderGranted(locks: readonly LockEntry[], terminal: Terminal): string {
  return renderTable(
    locks,
    [
      { title: "LOCKED", cell: ({ path }) => path, minWidth: 16 },
      { title: "MODE", cell: ({ mode }) => mode },
      { title: "UNTIL", cell: ({ expiresAt }) => expiresAt, expendable: 1 },
      { title: "TOKEN", cell: ({ token }) => String(token), expendable: 2 },
    ],
    terminal,
  );
}

/** Who is in the way: each lock, then each who waits for one. */
export function renderInTheWay(
  { holders, waiters }: { holders: readonly LockHolder[]; waiters: readonly LockWaiter[] },
  terminal: Terminal,
  nowMs: number,
): string {
  const tables: string[] = [];
  if (holders.length > 0) tables.push(renderLocks(holders, terminal, nowMs));
  if (waiters.length > 0) tables.push(renderWaiters(waiters, terminal));
  return tables.join("\n");
}

function renderWaiters(waiters: readonly LockWaiter[], terminal: Terminal): string {
  return renderTable(
    waiters,
    [
      { title: "WAITS FOR", cell: ({ paths }) => paths.join(","), minWidth: 16 },
      { title: "MODE", cell: ({ mode }) => mode },
      { title: "TASK", cell: ({ taskId }) => taskId, minWidth: 8 },
      { title: "OWNER", cell: ({ owner }) => owner, minWidth: 6, expendable: 1 },
      { title: "SINCE", cell: ({ since }) => since, expendable: 2 },
    ],
    terminal,
  );
}

export function renderLockHistory(events: readonly LockEvent[], terminal: Terminal): string {
  if (events.length === 0) return "No events";
  const hasNotes = events.some(({ note }) => note !== null);
  return renderTable(
    events,
    [
      { title: "TIME", cell: ({ at }) => at, expendable: 2 },
      { title: "EVENT", cell: ({ event }) => event },
      { title: "PATH", cell: whatOf, minWidth: 16 },
      { title: "MODE", cell: ({ mode }) => mode ?? "" },
      { title: "TASK", cell: ({ taskId }) => taskId ?? "", minWidth: 8 },
      { title: "AGENT", cell: ({ agent }) => agent ?? "", minWidth: 6, expendable: 1 },
      ...(hasNotes
        ? [{ title: "NOTE", cell: ({ note }: LockEvent) => note ?? "", minWidth: 8, expendable: 2 }]
        : []),
    ],
    terminal,
  );
}

/** A heartbeat is of all locks of its task. */
function whatOf({ path, file, tokens }: LockEvent): string {
  if (path !== null) return path;
  if (file !== null) return file;
  const count = (tokens ?? []).reduce((sum, [from, to]) => sum + to - from + 1, 0);
  return `(${count})`;
}
