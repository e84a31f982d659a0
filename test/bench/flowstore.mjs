/** FlowStore as a user gets it: what the name of the package leads to. */
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const { resolve } = createRequire(new URL("../../package.json", import.meta.url));
/** The one file that holds all of it. */
export const LIBRARY = resolve("flowstore");
export const { FlowStore, sqlJsEngine } = await import(pathToFileURL(LIBRARY));
