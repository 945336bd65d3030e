import { expect, test } from "vitest";
import { arrive, begin, goesOn, type Visit } from "../src/visit";

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
const NOW = 1795420800123;
const AD = "https://shop.example/sofa?utm_source=yandex&yclid=1";

const open = (url: string, { referrer = "", names = {}, now = NOW, after = undefined as Visit | undefined } = {}) => {
  const [arrival, campaign] = arrive(url, referrer, names);
  return begin(arrival, campaign, now, after);
};

test("it keeps the first touch", () => {
  const first = open(AD);
  const second = open("https://shop.example/?gclid=2", { after: first, now: NOW + DAY });
  const third = open("https://shop.example/", { after: second, now: NOW + 2 * DAY });
  expect(third.facts.first).toEqual([NOW, AD, ""]);
  expect([first, second, third].map(({ facts }) => facts.before)).toEqual([0, 1, 2]);
  expect(new Set([first, second, third].map(({ facts }) => facts.visitor)).size).toBe(1);
  expect(new Set([first, second, third].map(({ facts }) => facts.visit)).size).toBe(3);
});

test("the last touch is the last one that was not direct", () => {
  const ad = open(AD);
  const search = open("https://shop.example/", { after: ad, now: NOW + DAY, referrer: "https://google.com/" });
  const direct = open("https://shop.example/", { after: search, now: NOW + 2 * DAY });
  expect(direct.facts.last).toEqual([NOW + DAY, "https://shop.example/", "https://google.com/"]);
  expect(direct.facts.clicks).toEqual({});
});

test("click ids go with direct visits for 90 days", () => {
  const ad = open(AD);
  const clicks = [1, 89, 91].map((days) => open("https://shop.example/", { after: ad, now: NOW + days * DAY }).facts.clicks);
  expect(clicks).toEqual([{ yclid: "1" }, { yclid: "1" }, {}]);
});

test("a direct first visit has no last touch", () => {
  expect(open("https://shop.example/").facts.last).toBeUndefined();
});

test("a page of the same site is no source", () => {
  expect(open("https://shop.example/b", { referrer: "https://shop.example/a" }).facts.referrer).toBe("");
});

test.each([
  ["29 minutes later", 29, "", true],
  ["30 minutes later", 30, "", false],
  ["the same campaign again", 1, AD, true],
  ["another campaign", 1, AD + "2", false],
])("%s the visit goes on: %#", (_, minutes, url, expected) => {
  const campaign = url && arrive(url, "", {})[1];
  expect(goesOn(open(AD), NOW + minutes * MINUTE, campaign)).toBe(expected);
});

test.each(["gclid", "gbraid", "wbraid", "yclid", "ysclid", "fbclid", "ttclid", "msclkid", "rb_clickid"])("it keeps %s", (name) => {
  const value = "1234567890123456789" + "x".repeat(600);
  expect(open(`https://shop.example/?${name}=${value}`).facts.clicks).toEqual({ [name]: value.slice(0, 500) });
});

test("the project's own parameter names are reported under the standard ones", () => {
  const names = { from: "utm_source", camp: "utm_campaign" };
  const { facts } = open("https://shop.example/?from=newsletter&camp=autumn&page=2&utm_term=x", { names });
  expect(facts.utm).toEqual({ utm_source: "newsletter", utm_campaign: "autumn" });
});

test("other parameters are no campaign", () => {
  expect(arrive("https://shop.example/?page=2&clid=1&utm=&gclid=", "", {})[1]).toBe("");
  expect(arrive("https://shop.example/?constructor=1&__proto__=2", "", {})).toMatchObject([{ utm: {}, clicks: {} }, ""]);
});

test("long addresses are cut", () => {
  const long = "https://shop.example/?a=" + "x".repeat(5000);
  expect(open(long, { referrer: "https://a.example/" + "y".repeat(5000) }).facts).toMatchObject({
    landing: long.slice(0, 2000),
    referrer: ("https://a.example/" + "y".repeat(5000)).slice(0, 2000),
  });
});
