/** Lines of JSON whose last key is a checksum over all that stands before it. */

import { checksum, isChecksumAt } from "./hash.ts";

/** `,"crc":"01234567"}` */
export const SEAL_BYTES = 18;
const SEAL_START = ',"crc":"';
export const EMPTY_OBJECT_BYTES = 2;

/** A line of JSON with its checksum as the last key. */
export function sealLine(value: object): string {
  const body = JSON.stringify(value).slice(0, -1);
  return `${body}${SEAL_START}${checksum(body)}"}\n`;
}

const SEAL_START_BYTES = Buffer.from(SEAL_START);
const QUOTE = 34;
const CLOSING_BRACE = 125;

/** Whether a line ends with the checksum of what stands before. */
export function isSealed(line: Buffer, at: number): boolean {
  if (at < EMPTY_OBJECT_BYTES) return false;
  for (let index = 0; index < SEAL_START_BYTES.length; index += 1) {
    if (line[at + index] !== SEAL_START_BYTES[index]) return false;
  }
  if (line[line.length - 2] !== QUOTE || line[line.length - 1] !== CLOSING_BRACE) return false;
  return isChecksumAt(line, at + SEAL_START_BYTES.length, at);
}

/** Whether a line, without its LF, is as {@link sealLine} made it. */
export function isSealedLine(line: Buffer): boolean {
  return isSealed(line, line.length - SEAL_BYTES);
}

/** The JSON of a line without its seal: put together in place, which is faster than two texts. */
export function jsonOf(line: Buffer, at: number): string {
  const comma = line[at] ?? 0;
  line[at] = CLOSING_BRACE;
  const json = line.toString("utf8", 0, at + 1);
  line[at] = comma;
  return json;
}
