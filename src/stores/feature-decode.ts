/** Reading the text of a feature's file and of a lease: what it says, or why it cannot be used. */

import { MAX_DOCUMENT_DEPTH, nestsDeeperThan } from "../model/json-values.ts";
import type { Lease } from "../model/feature.ts";
import {
  explainFeatureDocument,
  isFeatureDocument,
  type FeatureDocument,
} from "../model/schema.ts";
import { nameOf } from "../storage/layout.ts";
import { isFault, type Document } from "../storage/files.ts";
import { damaged, decodeJson, unreadable, type Damaged } from "./document-decode.ts";
import { idInName } from "./feature-names.ts";

/** What became of a feature's file when it was read. */
export type DecodedFeature =
  | { readonly document: FeatureDocument }
  | (Damaged & {
      /** The id in its content, where that is all that is wrong. */
      readonly id?: number;
    });

/** Reads a feature's file; what is made of a text is kept with it. */
export function decodeFeature(file: Document): DecodedFeature {
  if (isFault(file)) return unreadable(file);
  return (file.decoded ??= decodeText(file.path, file.text)) as DecodedFeature;
}

function decodeText(path: string, text: string): DecodedFeature {
  const json = decodeJson(path, text);
  if (!("value" in json)) return json;
  const { value } = json;
  if (!isFeatureDocument(value)) {
    const problems = explainFeatureDocument(value).slice(0, 3);
    const why = problems.map(({ path: at, message }) =>
      at === "" ? message : `${at}: ${message}`,
    );
    return damaged(path, "schema", why.join("; "));
  }
  const named = idInName(nameOf(path));
  if (named !== null && named !== value.id) {
    const why = `its name says feature ${named}, its content feature ${value.id}`;
    return { ...damaged(path, "name", why), id: value.id };
  }
  return { document: value };
}

/** Stands for a lease that cannot be read, so that its text is looked at once. */
export const BAD_LEASE = { uid: "", agent: "", at: "", leaseMs: 0, expiresAt: "" } satisfies Lease;

/** Reads a lease; {@link BAD_LEASE} for what is none. */
export function decodeLease(text: string): Lease {
  let value: Partial<Lease> | null;
  try {
    value = JSON.parse(text) as Partial<Lease> | null;
  } catch (error) {
    if (error instanceof SyntaxError) return BAD_LEASE;
    throw error;
  }
  const isLease =
    typeof value?.uid === "string" &&
    typeof value.agent === "string" &&
    typeof value.at === "string" &&
    typeof value.expiresAt === "string" &&
    !Number.isNaN(Date.parse(value.expiresAt)) &&
    !nestsDeeperThan(value, MAX_DOCUMENT_DEPTH);
  return isLease ? (value as Lease) : BAD_LEASE;
}
