/** Print what the built file weighs, in bytes. */

import { readFileSync } from "node:fs";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { OUTPUT } from "./build.mjs";

export const BUDGET = 3000; // gzip

export function weigh(text = readFileSync(OUTPUT)) {
  return { plain: text.length, gzip: gzipSync(text, { level: 9 }).length, brotli: brotliCompressSync(text).length };
}

if (process.argv[1]?.endsWith("size.mjs")) console.log(JSON.stringify({ ...weigh(), budget: BUDGET }));
