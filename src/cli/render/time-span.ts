/** How long something takes, as people say it: two units at most, nothing below a second. */

const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** `0s`, `59s`, `45m`, `3h 05m`, `2d 4h`; rounded to the last unit that is shown. */
export function timeSpan(ms: number): string {
  const seconds = Math.round(ms / SECOND_MS);
  if (seconds < 60) return `${seconds}s`;
  const minutes = Math.round(ms / MINUTE_MS);
  if (minutes < 60) return `${minutes}m`;
  if (ms < DAY_MS) {
    return `${Math.floor(minutes / 60)}h ${String(minutes % 60).padStart(2, "0")}m`;
  }
  const hours = Math.round(ms / HOUR_MS);
  return `${Math.floor(hours / 24)}d ${hours % 24}h`;
}
