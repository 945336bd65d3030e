import { expect, test } from "vitest";
import { payloadOf, type Press, type Surroundings } from "../src/wire";
import type { Facts } from "../src/visit";
import { beacons } from "./golden";

const SURROUNDINGS: Surroundings = { key: "", ids: {}, screen: "", lang: "", consent: {} };
const FACTS = { visit: "", visitor: "", started: 0, landing: "", referrer: "", before: 0, zone: "", clicks: {}, utm: {} };
const PRESS = { type: "click", net: "whatsapp", click: "", pressed: 0, page: "", title: "", number: "", ref: "", phrase: "" };

/** Take from a payload what a part names; what the payload lacks is empty there, as in a browser. */
const part = <T extends object>(empty: T, payload: Record<string, unknown>) =>
  Object.fromEntries(Object.entries(empty).map(([name, value]) => [name, payload[name] ?? value])) as T;

test.each(beacons)("it builds $name", ({ payload }) => {
  const { first = [1, payload.landing, ""], last } = payload;
  const facts: Facts = { ...part(FACTS, payload), first, last };
  const press = payload.type == "click" ? (part(PRESS, payload) as Press) : undefined;
  expect(JSON.parse(JSON.stringify(payloadOf(part(SURROUNDINGS, payload), facts, press)))).toEqual(payload);
});
