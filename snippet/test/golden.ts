import { readFileSync, readdirSync } from "node:fs";

const GOLDEN = new URL("../../tests/golden/", import.meta.url);

const read = (path: string) => JSON.parse(readFileSync(new URL(path, GOLDEN), "utf8"));

export const references: { data: string; word: string }[] = read("reference.json");

export const beacons: { name: string; payload: Record<string, any> }[] = readdirSync(new URL("wire/", GOLDEN)).map(
  (name) => ({ name, payload: read("wire/" + name).payload }),
);
