/** Build dist/whence.js, or give its text to a test. */

import { build } from "esbuild";
import { writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { minify } from "terser";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
// Names that only the snippet reads. Fixed, because what a browser keeps under them outlives a build.
const SHORT = { campaign: "c", facts: "f", isSent: "b", unanswered: "q", refs: "r", seen: "s" };

export const OUTPUT = here("dist/whence.js");

/** Give the built text. esbuild makes one ES2018 file of the modules; terser presses it smaller. */
export async function bundle() {
  const { outputFiles } = await build({
    entryPoints: [here("src/index.ts")],
    bundle: true,
    format: "esm",
    target: "es2018",
    charset: "utf8",
    minifySyntax: true,
    legalComments: "none",
    // Sloppy on purpose: a page that has frozen window.open must not stop the rest.
    tsconfigRaw: { compilerOptions: { alwaysStrict: false } },
    write: false,
  });
  const props = Object.fromEntries(Object.entries(SHORT).map(([name, short]) => ["$" + name, short]));
  const { code } = await minify(outputFiles[0].text, {
    ecma: 2018,
    toplevel: true,
    // Each chosen by its gzipped weight; the browser tests run the result.
    compress: {
      passes: 4,
      hoist_funs: true,
      inline: 1,
      pure_getters: true,
      unsafe: true,
      unsafe_arrows: true,
      unsafe_comps: true,
    },
    mangle: { properties: { regex: new RegExp(`^(${Object.keys(SHORT).join("|")})$`) } },
    nameCache: { props: { props } },
    format: { comments: false },
  });
  // Wrapped last: terser makes less of a body that is a function already.
  return `(()=>{${code.replace(/;?\n?$/, "")}})();\n`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await writeFile(OUTPUT, await bundle());
