/** A script as one writes it over better-sqlite3: the same answers as the command line's. */
import { openDatabase, readingOf, writingOf } from "./system-sqlite.mjs";

const [, , command, id] = process.argv;
const db = openDatabase(process.cwd(), "FULL");
const reading = readingOf(db);
if (command === "claim") writingOf(db, reading.getById).claim(Number(id), "agent");
const data = command === "claim" ? reading.getById(Number(id)) : reading.getReady();
console.log(JSON.stringify({ ok: true, data }));
db.close();
