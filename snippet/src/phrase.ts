/** The text of the message: which ready phrase, its variables, the reference in front. */

import { decode } from "./links";

export interface PagePhrase {
  page: string;
  text: string;
}

const LONGEST_LINK = 2000;

/** Shorten without cutting a symbol in two. */
export const cut = (text: string, length: number): string => [...text].slice(0, length).join("");

/** Fill {variables}; one that is not known becomes nothing. */
export const fill = (template: string, values: Record<string, string | null | undefined>): string =>
  template.replace(/{(\w+)}/g, (_, name: string) => values[name] || "").trim();

/** Find the phrase of a page: the first pattern that its path begins with; `*` stands for anything. */
export const phraseOf = (path: string, phrases: PagePhrase[]): string =>
  phrases.find(({ page }) =>
    RegExp("^" + page.replace(/\W/g, (symbol) => (symbol == "*" ? ".*" : "\\" + symbol))).test(decode(path)),
  )!.text;

/** Write the message into the link. When the link gets too long the phrase is cut, never the reference. */
export function compose(
  write: (phrase: string) => string,
  phrase: string,
): [url: string, phrase: string] {
  let length = LONGEST_LINK;
  let url;
  while ((url = write((phrase = cut(phrase, length)))).length > LONGEST_LINK && phrase) length -= 8;
  return [url, phrase];
}
