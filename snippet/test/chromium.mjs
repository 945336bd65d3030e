/** Find the system's Chromium: CHROMIUM names it, else it is on PATH. */

import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";

export const FLAGS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

export function findChromium() {
  const folders = (process.env.PATH || "").split(delimiter);
  const names = ["chromium", "chromium-browser", "google-chrome"];
  const found = names.flatMap((name) => folders.map((folder) => join(folder, name))).find((path) => existsSync(path));
  const path = process.env.CHROMIUM || found;
  if (!path) throw new Error("No Chromium: put one on PATH or name it in CHROMIUM.");
  return path;
}
