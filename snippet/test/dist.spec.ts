import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
// @ts-expect-error plain JavaScript
import { bundle, OUTPUT } from "../build.mjs";
// @ts-expect-error plain JavaScript
import { BUDGET, weigh } from "../size.mjs";

test("the committed file is what the sources build to", async () => {
  expect(await bundle()).toBe(readFileSync(OUTPUT, "utf8"));
});

test("it stays within its budget", () => {
  expect(weigh().gzip).toBeLessThanOrEqual(BUDGET);
});
