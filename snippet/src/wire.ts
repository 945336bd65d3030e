/** The beacons' payloads, version 1. What is not known is left out, never sent empty. */

import type { Ids } from "./ids";
import type { Facts } from "./visit";

export interface Surroundings {
  key: string;
  ids: Ids;
  screen: string;
  lang: string;
  consent: Record<string, string>;
}

export interface Press {
  type: "click";
  click: string;
  pressed: number;
  page: string;
  title: string;
  net: "whatsapp";
  number: string;
  ref: string;
  phrase: string;
}

export type Payload = Record<string, unknown>;

/** Build the session beacon; with a press, the click beacon: the visit's own may have been lost. */
export function payloadOf(around: Surroundings, facts: Facts, press?: Press): Payload {
  const payload: Payload = { v: 1, type: "visit", ...around, ...facts, ...press };
  // A first visit is its own first and last touch.
  if (!facts.before) payload.first = payload.last = 0;
  for (const name in payload) {
    // JSON leaves the undefined out by itself.
    if (/^(0|""|{})$/.test(JSON.stringify(payload[name]))) delete payload[name];
  }
  return payload;
}
