/** The reference: six random symbols and two check symbols over GF(31). */

const ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ";

/** Append the two check symbols: both the plain and the place-weighted sum become 0 modulo 31. */
export function complete(data: string): string {
  let sum = 0;
  let sums = 0; // sum of the running sums: the symbol at place i comes 7 - i times
  for (const symbol of data) sums += sum += ALPHABET.indexOf(symbol);
  // The two equations solved for the symbols at places 7 and 8; 30 is -1 modulo 31.
  return data + ALPHABET[(30 * (sum + sums)) % 31] + ALPHABET[sums % 31];
}

/** Draw symbols, at most 32 kinds, with equal chances: a number beyond the last one is drawn again. */
function draw(length: number, symbols: string): string {
  let drawn = "";
  while (!drawn[length]) crypto.getRandomValues(new Uint8Array(255)).forEach((byte) => (drawn += symbols[byte & 31] || ""));
  return drawn.slice(0, length);
}

/** Mint a word. */
export const mint = (): string => complete(draw(6, ALPHABET));

/** Mint an id: digits are hexadecimal too, and 32 of eight kinds are 96 random bits. */
export const newId = (): string => draw(32, ALPHABET.slice(0, 8));

/** Print a word in two groups: 7KQ2-M4CP. */
export const printed = (word: string): string => word.replace(/.{4}/, "$&-");

/** Take printed references out of a text, whoever they belong to: links get copied with them. */
export const withoutReferences = (text: string): string =>
  text
    .replace(/[2-9A-Z]{4}-[2-9A-Z]{4}/g, (found) =>
      printed(complete(found.replace("-", "").slice(0, 6))) == found ? "" : found,
    )
    .trim();
