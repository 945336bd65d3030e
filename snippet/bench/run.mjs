/**
 * Measure what the snippet costs a page with 1,000 links, next to one bare querySelectorAll pass in the same run.
 *
 * Prints JSON; asserts nothing, for the machine may be busy. `npm run bench -- 15` makes 15 rounds.
 */

import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { chromium } from "playwright-core";
import { OUTPUT } from "../build.mjs";
import { weigh } from "../size.mjs";
import { findChromium, FLAGS } from "../test/chromium.mjs";

const LINKS = 1000;
const ROUNDS = Number(process.argv[2]) || 9;
const SETTLE = 400; // milliseconds: by then the visit's beacon has gone

const CONFIG = JSON.stringify({ key: "pk_bench", numbers: ["79990000001"], phrase: "Здравствуйте!" });
const TAG = `<script async src="/whence.js" data-whence='${CONFIG}'></script>`;
const KINDS = {
  empty: "",
  query_selector_all: "<script>document.querySelectorAll('a[href]').forEach((link) => link.href)</script>",
  whence_until_idle: `<script>requestIdleCallback = () => 0</script>${TAG}`, // the visit's beacon never goes
  whence: TAG,
};
const HREFS = ["https://wa.me/79990000001", "/catalogue/sofa", "https://wa.me/79990000002", "https://example.org/a?b=c"];
const BODY = Array.from({ length: LINKS }, (_, index) => `<p><a href="${HREFS[index % 4]}">link ${index}</a></p>`).join("");

/** Serve the pages isolated: only then does the browser's clock count in microseconds. */
const server = createServer((request, response) => {
  response.setHeader("Cross-Origin-Opener-Policy", "same-origin");
  response.setHeader("Cross-Origin-Embedder-Policy", "require-corp");
  const kind = request.url.slice(1);
  if (request.method == "POST") return response.writeHead(204).end();
  if (kind == "whence.js") return response.setHeader("Content-Type", "text/javascript").end(readFileSync(OUTPUT));
  response.setHeader("Content-Type", "text/html; charset=utf-8");
  response.end(kind in KINDS ? `<!doctype html><title>bench</title>${BODY}${KINDS[kind]}` : "");
});

const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
const rounded = (value) => Math.round(value * 1000) / 1000;

/** Load a page in a fresh context; give script and layout time in milliseconds, and the first intent's. */
async function load(browser, address) {
  const context = await browser.newContext();
  const page = await context.newPage();
  const session = await context.newCDPSession(page);
  await session.send("Performance.enable", { timeDomain: "threadTicks" });
  await page.goto(address, { waitUntil: "load" });
  await page.waitForTimeout(SETTLE);
  const { metrics } = await session.send("Performance.getMetrics");
  const spent = Object.fromEntries(metrics.map(({ name, value }) => [name, value * 1000]));
  const intent = await page.evaluate(() => {
    const link = document.querySelector("a");
    const start = performance.now();
    link.dispatchEvent(new MouseEvent("mouseover", { bubbles: true, composed: true }));
    return performance.now() - start;
  });
  await context.close();
  return { script: spent.ScriptDuration + spent.V8CompileDuration, layouts: spent.LayoutCount / 1000, intent };
}

await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const site = `http://127.0.0.1:${server.address().port}/`;
const browser = await chromium.launch({ executablePath: findChromium(), args: FLAGS });
const rounds = Object.fromEntries(Object.keys(KINDS).map((kind) => [kind, []]));
for (let round = 0; round <= ROUNDS; round++) {
  for (const kind in KINDS) {
    const result = await load(browser, site + kind);
    if (round) rounds[kind].push(result); // the first round warms the browser up
  }
}
await browser.close();
server.close();

const of = (kind, name) => rounded(median(rounds[kind].map((result) => result[name])));
console.log(
  JSON.stringify(
    {
      bytes: weigh(),
      links: LINKS,
      rounds: ROUNDS,
      script_ms: Object.fromEntries(Object.keys(KINDS).map((kind) => [kind, of(kind, "script")])),
      layouts: Object.fromEntries(Object.keys(KINDS).map((kind) => [kind, of(kind, "layouts")])),
      first_intent_ms: of("whence", "intent"),
    },
    null,
    2,
  ),
);
