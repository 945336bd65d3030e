// Puts the vendored builds, the icon sprite and their licences into plugin/web/static/vendor.
import { build } from "esbuild";
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const modules = join(here, "node_modules");
const target = join(here, "..", "plugin", "web", "static", "vendor");
const packages = ["@tabler/core", "@tabler/icons", "echarts", "zrender", "htmx.org"];

const FILES = {
  "tabler.css": "@tabler/core/dist/css/tabler.min.css",
  "tabler.js": "@tabler/core/dist/js/tabler.min.js",
  "htmx.js": "htmx.org/dist/htmx.min.js",
};

const fileName = (name) => `${name.replace("@", "").replace("/", "-")}.txt`;
const read = (path) => readFileSync(path, "utf-8");
const withoutMap = (text) => text.replace(/\n?(\/\*# sourceMappingURL=.*?\*\/|\/\/# sourceMappingURL=.*)\s*$/, "\n");

function copyFiles() {
  for (const [name, from] of Object.entries(FILES)) {
    writeFileSync(join(target, name), withoutMap(read(join(modules, from))));
  }
}

function writeSprite() {
  const names = read(join(here, "icons.txt")).trim().split("\n");
  const symbols = names.map((name) => {
    const svg = read(join(modules, "@tabler/icons/icons/outline", `${name}.svg`));
    const inside = svg.slice(svg.indexOf(">", svg.indexOf("<svg")) + 1, svg.lastIndexOf("</svg>"));
    return `<symbol id="${name}" viewBox="0 0 24 24">${inside.replace(/\s*\n\s*/g, "")}</symbol>`;
  });
  writeFileSync(
    join(target, "icons.svg"),
    `<svg xmlns="http://www.w3.org/2000/svg">\n${symbols.join("\n")}\n</svg>\n`,
  );
}

async function writeChart() {
  await build({
    entryPoints: [join(here, "chart.js")],
    outfile: join(target, "echarts.js"),
    bundle: true,
    minify: true,
    format: "iife",
    globalName: "echarts",
    target: "es2019",
    legalComments: "none",
  });
}

function writeLicences() {
  const lines = packages.map((name) => {
    const facts = JSON.parse(read(join(modules, name, "package.json")));
    return `| ${name} | ${facts.version} | ${facts.license} | licences/${fileName(name)} |`;
  });
  const head = "# What stands here\n\nMade by `npm run build` in web-assets.\n\n";
  writeFileSync(
    join(target, "README.md"),
    `${head}| Package | Version | Licence | Text |\n|---|---|---|---|\n${lines.join("\n")}\n`,
  );
  mkdirSync(join(target, "licences"));
  for (const name of packages) {
    // the core is packed without its text; the icons carry the same one, of the same authors
    const from = name === "@tabler/core" ? "@tabler/icons" : name;
    cpSync(join(modules, from, "LICENSE"), join(target, "licences", fileName(name)));
  }
}

rmSync(target, { recursive: true, force: true });
mkdirSync(target, { recursive: true });
copyFiles();
writeSprite();
await writeChart();
writeLicences();
