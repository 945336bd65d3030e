/** WhatsApp links: which ones lead to a configured number, and the same link with another text. */

import { guard } from "./guard";

/** The number, the text that stands in the link already, and the same link with another text. */
export type Target = [number: string, text: string, write: (text: string) => string];

// The last group is the phone. Other paths of wa.me (message/, qr/, c/, p/) and other hosts do not match on purpose.
const FORM =
  /^\s*[htps:]*(\/\/(\w+\.)?wa\.me\/|(\/\/(\w+\.)?whatsapp\.com|(whatsapp|intent(?=.*scheme=whatsapp)):\/)\/send\/?\?([^#]*&)?phone=)([^?&#/]*)\/?(?![^?&#])/i;
const TEXT = /([?&]text=)([^&#]*)/i;

/** Decode what stands in an address; what is not valid stays as written. */
export const decode = (value: string): string => guard(decodeURIComponent)(value) || value;

/** Read a link; nothing unless it opens a chat with one of the numbers. */
export function parseLink(href: string, numbers: string[]): Target | undefined {
  const form = FORM.exec(href);
  if (!form) return;
  // Letters stay: a name with digits in it is no phone.
  const phone = decode(form.pop()!).replace(/^\W*00|\W/g, "");
  // In Russia and Kazakhstan people write 8 for the country code 7.
  const number = numbers.find((known) => known == phone || known == phone.replace(/^8(?=\d{10}$)/, "7"));
  if (!number) return;
  const whole = TEXT.test(href)
    ? href
    : href.replace(/#|$/, (/\?/.test(href) ? "&" : "?") + "text=$&");
  return [
    number,
    decode(TEXT.exec(whole)![2]!.replace(/\+/g, " ")),
    (text) => whole.replace(TEXT, "$1" + encodeURIComponent(text)),
  ];
}
