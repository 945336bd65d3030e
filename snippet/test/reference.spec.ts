import { expect, test } from "vitest";
import { complete, mint, newId, printed, withoutReferences } from "../src/reference";
import { references } from "./golden";

const ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ";

/** Both sums of the rule, by the rule's own words. */
const sums = (word: string) => {
  const values = [...word].map((symbol) => ALPHABET.indexOf(symbol));
  return [
    values.reduce((sum, value) => sum + value, 0) % 31,
    values.reduce((sum, value, index) => sum + (index + 1) * value, 0) % 31,
  ];
};

test.each(references)("it completes $data to $word", ({ data, word }) => {
  expect(complete(data)).toBe(word);
  expect(sums(word)).toEqual([0, 0]);
});

test("every minted word satisfies both checks and uses the whole alphabet", () => {
  const words = Array.from({ length: 500 }, mint);
  for (const word of words) expect([word, sums(word)]).toEqual([word, [0, 0]]);
  expect([...new Set(words.join(""))].sort().join("")).toBe([...ALPHABET].sort().join(""));
  expect(new Set(words).size).toBe(500);
});

test("no changed symbol passes the checks", () => {
  const word = references[0]!.word;
  for (let place = 0; place < 8; place++)
    for (const symbol of ALPHABET)
      if (symbol != word[place]) expect(sums(word.slice(0, place) + symbol + word.slice(place + 1))).not.toEqual([0, 0]);
});

test("an id is 32 hexadecimal digits", () => {
  const ids = Array.from({ length: 100 }, newId);
  for (const id of ids) expect(id).toMatch(/^[0-9a-f]{32}$/);
  expect(new Set(ids).size).toBe(100);
});

test.each([
  ["7KQ2-M4CP Здравствуйте!", "Здравствуйте!"],
  ["Здравствуйте! (7KQ2-M4CP)", "Здравствуйте! ()"],
  ["7KQ2-M4CP", ""],
  ["Артикул 7KQ2-M4CR", "Артикул 7KQ2-M4CR"],
  ["Тел. 2345-6789", "Тел. 2345-6789"],
  ["", ""],
])("out of %j it leaves %j", (text, left) => {
  expect(withoutReferences(text)).toBe(left);
});

test("a word is printed in two groups", () => {
  expect(printed("7KQ2M4CP")).toBe("7KQ2-M4CP");
});
