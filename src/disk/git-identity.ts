/** Who git says the user is, read from its configuration without running git. */

import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

import { errnoOf } from "./io-error.ts";

const SECTION = /^\s*\[\s*([^\]\s]+)\s*(?:"[^"]*")?\s*\]/;
const EMAIL = /^\s*email\s*=\s*"?([^"#;]*?)"?\s*(?:[#;].*)?$/i;

/** `user.email` of the repository at `projectDir`, else of the user; `null` when none is set. */
export function gitEmail(projectDir: string): string | null {
  const config = process.env["XDG_CONFIG_HOME"] ?? join(homedir(), ".config");
  const places = [
    join(projectDir, ".git", "config"),
    join(homedir(), ".gitconfig"),
    join(config, "git", "config"),
  ];
  for (const place of places) {
    const email = emailIn(place);
    if (email !== null) return email;
  }
  return null;
}

function emailIn(file: string): string | null {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    // No such file, or none that may be read: then nobody is named there.
    if (errnoOf(error) !== null) return null;
    throw error;
  }
  let section = "";
  let email: string | null = null;
  for (const line of text.split("\n")) {
    section = SECTION.exec(line)?.[1]?.toLowerCase() ?? section;
    const found = section === "user" ? EMAIL.exec(line)?.[1] : undefined;
    if (found !== undefined && found !== "") email = found;
  }
  return email;
}
