/** SQLite's functions of dates and times, for times written as ISO 8601 says, and `now`. */

import { Unsure, type Cell } from "./sql-cells.ts";
import type { SqlFunction, Surroundings } from "./function-shape.ts";
import { textOf } from "./sql-values.ts";

const TIME =
  /^(\d{4})-(\d\d)-(\d\d)(?:[ T](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?(?: ?(Z|[+-]\d\d:\d\d))?)?$/;
const SHIFT = /^([+-]?\d{1,9}) +(year|month|day|hour|minute|second)s?$/i;
const START = /^start of (year|month|day)$/i;
const DAY_MS = 86_400_000;
const MS = { day: DAY_MS, hour: 3_600_000, minute: 60_000, second: 1_000 } as const;
/** From the Julian day 0 to 1970. */
const JULIAN_1970_MS = 210_866_760_000_000;
/** How far zones are from UTC at most, in hours. */
const MOST_ZONE_HOURS = 14;
/** What may be a time in other forms: a Julian day, a year with a sign, `subsec`. */
const OTHER_FORMS = /^[\s\d.+-]|^subsec/i;

type Write = (date: Date) => Cell;

function padded(value: number, width = 2): string {
  return String(value).padStart(width, "0");
}

const FORMATS: Readonly<Record<string, (date: Date) => string>> = {
  Y: (date) => padded(date.getUTCFullYear(), 4),
  m: (date) => padded(date.getUTCMonth() + 1),
  d: (date) => padded(date.getUTCDate()),
  H: (date) => padded(date.getUTCHours()),
  M: (date) => padded(date.getUTCMinutes()),
  S: (date) => padded(date.getUTCSeconds()),
  f: (date) => `${padded(date.getUTCSeconds())}.${padded(date.getUTCMilliseconds(), 3)}`,
  j: (date) => padded(Math.floor((date.getTime() - startOf(date, "year")) / DAY_MS) + 1, 3),
  w: (date) => String(date.getUTCDay()),
  s: (date) => String(Math.floor(date.getTime() / 1000)),
  "%": () => "%",
};

function formatted(date: Date, format: string): string {
  return format.replace(/%(.?)/g, (_all, letter: string) => {
    const write = Object.hasOwn(FORMATS, letter) ? FORMATS[letter] : undefined;
    if (write === undefined) throw new Unsure(`the format %${letter}`);
    return write(date);
  });
}

function ofTime(write: Write): SqlFunction {
  return { min: 0, max: 10, apply: (cells, surroundings) => timed(cells, surroundings, write) };
}

/** By name, in capitals. */
export const DATE_FUNCTIONS: Readonly<Record<string, SqlFunction>> = {
  DATE: ofTime((date) => formatted(date, "%Y-%m-%d")),
  TIME: ofTime((date) => formatted(date, "%H:%M:%S")),
  DATETIME: ofTime((date) => formatted(date, "%Y-%m-%d %H:%M:%S")),
  UNIXEPOCH: ofTime((date) => BigInt(Math.floor(date.getTime() / 1000))),
  JULIANDAY: ofTime((date) => (date.getTime() + JULIAN_1970_MS) / DAY_MS),
  STRFTIME: {
    min: 1,
    max: 11,
    apply: ([format = null, ...rest], surroundings) => {
      if (format === null) return null;
      return timed(rest, surroundings, (date) => formatted(date, textOf(format)));
    },
  },
};

/** What a time and its modifiers come to; unknown for what is no time. */
function timed(cells: readonly Cell[], { nowMs }: Surroundings, write: Write): Cell {
  const [time, ...modifiers] = cells.length === 0 ? ["now"] : cells;
  if (time === null || time === undefined || modifiers.includes(null)) return null;
  if (typeof time !== "string") throw new Unsure("a number as a time");
  let ms = /^now$/i.test(time) ? nowMs : parsed(time);
  if (ms === null) return null;
  if (modifiers.length > 0 && isBehindMonth(time)) throw new Unsure(`a shift of ${time}`);
  for (const modifier of modifiers) ms = modified(ms, textOf(modifier ?? ""));
  const date = new Date(ms);
  const year = date.getUTCFullYear();
  if (!(year >= 0 && year <= 9999)) throw new Unsure("a time outside of the years 0 to 9999");
  return write(date);
}

/** In ms; SQLite takes the 31st of a short month for a day of the next. */
function parsed(text: string): number | null {
  const match = TIME.exec(text);
  if (match === null) {
    if (OTHER_FORMS.test(text)) throw new Unsure(`the time ${JSON.stringify(text)}`);
    return null;
  }
  const part = (at: number): number => Number(match[at] ?? 0);
  const [year, month, day, hour, minute, second] = [1, 2, 3, 4, 5, 6].map(part);
  if (hour === 24) throw new Unsure("the hour 24");
  const zone = zoneMs(match[8]);
  const isTime =
    within(month, 1, 12) && within(day, 1, 31) && within(hour, 0, 23) && within(minute, 0, 59);
  if (!isTime || !within(second, 0, 59) || zone === null) return null;
  const date = new Date(0);
  date.setUTCFullYear(year ?? 0, (month ?? 1) - 1, day);
  date.setUTCHours(hour ?? 0, minute, second, millisecondsOf(match[7] ?? "0"));
  return date.getTime() - zone;
}

/** Of a fraction of a second. */
function millisecondsOf(digits: string): number {
  const ms = Math.round(Number(`0.${digits}`) * 1000);
  if (ms === 1000) throw new Unsure("a time so near to the next second");
  return ms;
}

/** Whether a day is none of its month: SQLite shifts some of them before it sees that. */
function isBehindMonth(text: string): boolean {
  const [, year, month, day] = TIME.exec(text) ?? [];
  return (
    Number(day) > new Date(Date.UTC(2000 + (Number(year) % 400), Number(month), 0)).getUTCDate()
  );
}

function within(value: number | undefined, least: number, greatest: number): boolean {
  return value !== undefined && value >= least && value <= greatest;
}

/** `null` for what is no zone. */
function zoneMs(zone: string | undefined): number | null {
  if (zone === undefined || zone === "Z") return 0;
  const [hours = 0, minutes = 0] = zone.slice(1).split(":").map(Number);
  if (!within(hours, 0, MOST_ZONE_HOURS) || !within(minutes, 0, 59)) return null;
  return (zone.startsWith("-") ? -1 : 1) * (hours * MS.hour + minutes * MS.minute);
}

function modified(ms: number, modifier: string): number {
  const start = START.exec(modifier)?.[1]?.toLowerCase();
  if (start !== undefined) return startOf(new Date(ms), start);
  const [, amount = "", unit = ""] = SHIFT.exec(modifier) ?? [];
  if (amount === "") throw new Unsure(`the modifier ${JSON.stringify(modifier)}`);
  const [count, name] = [Number(amount), unit.toLowerCase()];
  if (name === "year" || name === "month") {
    const date = new Date(ms);
    const months = date.getUTCMonth() + (name === "year" ? 12 : 1) * count;
    date.setUTCMonth(months);
    return date.getTime();
  }
  return ms + count * MS[name as keyof typeof MS];
}

function startOf(date: Date, unit: string): number {
  const year = new Date(0);
  const [month, day] = [date.getUTCMonth(), date.getUTCDate()];
  year.setUTCFullYear(date.getUTCFullYear(), unit === "year" ? 0 : month, unit === "day" ? day : 1);
  return year.getTime();
}
