/** The synchronous functions of `node:fs`, by what they ask of the disk. */
export const FUNCTIONS = {
  sync: ["fdatasyncSync", "fsyncSync"],
  names: [
    "fchmodSync",
    "linkSync",
    "lutimesSync",
    "mkdirSync",
    "mkdtempSync",
    "renameSync",
    "rmSync",
    "rmdirSync",
    "unlinkSync",
    "utimesSync",
  ],
  "open and write": [
    "closeSync",
    "ftruncateSync",
    "openSync",
    "writeFileSync",
    "writeSync",
    "writevSync",
  ],
  read: ["readFileSync", "readSync", "readvSync"],
  look: [
    "existsSync",
    "fstatSync",
    "lstatSync",
    "readdirSync",
    "readlinkSync",
    "realpathSync",
    "statSync",
    "statfsSync",
  ],
};

/** What takes time on a disk, apart from each other. */
export const KINDS = Object.keys(FUNCTIONS);
