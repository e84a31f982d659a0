#!/usr/bin/env node
/** The command `flowstore`. */
import { join } from "node:path";

import { runProgram } from "./code-cache.ts";

runProgram(join(import.meta.dirname, "program.cjs"));
