import { describe, expect, test } from "vitest";
import { parseLink } from "../src/links";
import { compose, fill, phraseOf } from "../src/phrase";

const NUMBERS = ["79990000001", "5511987654321"];
const WRITTEN = "REF%20%D0%B0%26%3D%23";

// link → the same link with the text "REF а&=#"
describe("a link to a configured number", () => {
  test.each([
    ["https://wa.me/79990000001", "https://wa.me/79990000001?text=" + WRITTEN],
    ["https://wa.me/79990000001/", "https://wa.me/79990000001/?text=" + WRITTEN],
    ["http://wa.me/79990000001", "http://wa.me/79990000001?text=" + WRITTEN],
    ["//wa.me/79990000001", "//wa.me/79990000001?text=" + WRITTEN],
    ["HTTPS://WWW.WA.ME/79990000001", "HTTPS://WWW.WA.ME/79990000001?text=" + WRITTEN],
    ["https://wa.me/+7 (999) 000-00-01", "https://wa.me/+7 (999) 000-00-01?text=" + WRITTEN],
    ["https://wa.me/%2B7%20999%20000%2000%2001", "https://wa.me/%2B7%20999%20000%2000%2001?text=" + WRITTEN],
    ["https://wa.me/0079990000001", "https://wa.me/0079990000001?text=" + WRITTEN],
    ["https://wa.me/89990000001", "https://wa.me/89990000001?text=" + WRITTEN],
    ["https://wa.me/5511987654321", "https://wa.me/5511987654321?text=" + WRITTEN],
    ["https://wa.me/79990000001?text=hi&a=1", "https://wa.me/79990000001?text=" + WRITTEN + "&a=1"],
    ["https://wa.me/79990000001?a=1#top", "https://wa.me/79990000001?a=1&text=" + WRITTEN + "#top"],
    [
      "https://api.whatsapp.com/send?phone=79990000001",
      "https://api.whatsapp.com/send?phone=79990000001&text=" + WRITTEN,
    ],
    [
      "https://api.whatsapp.com/send/?text=hi&type=phone_number&phone=%2B7+999+000-00-01&app_absent=0",
      "https://api.whatsapp.com/send/?text=" + WRITTEN + "&type=phone_number&phone=%2B7+999+000-00-01&app_absent=0",
    ],
    [
      "https://web.whatsapp.com/send?phone=79990000001&text=hi",
      "https://web.whatsapp.com/send?phone=79990000001&text=" + WRITTEN,
    ],
    ["whatsapp://send?phone=79990000001", "whatsapp://send?phone=79990000001&text=" + WRITTEN],
    ["whatsapp://send/?text=&phone=79990000001", "whatsapp://send/?text=" + WRITTEN + "&phone=79990000001"],
    [
      "intent://send/?phone=79990000001#Intent;scheme=whatsapp;package=com.whatsapp;end",
      "intent://send/?phone=79990000001&text=" + WRITTEN + "#Intent;scheme=whatsapp;package=com.whatsapp;end",
    ],
  ])("%s", (href, expected) => {
    expect(parseLink(href, NUMBERS)![2]("REF а&=#")).toBe(expected);
  });
});

describe("any other link is left alone", () => {
  test.each([
    "",
    "/contacts",
    "https://wa.me/",
    "https://wa.me/?text=share",
    "https://wa.me/?text=https://wa.me/79990000001",
    "https://wa.me/79990000002",
    "https://wa.me/message/79990000001",
    "https://wa.me/qr/79990000001",
    "https://wa.me/c/79990000001",
    "https://wa.me/p/123/79990000001",
    "https://wa.me/call/79990000001",
    "https://wa.me/u79990000001",
    "https://api.whatsapp.com/send?text=share",
    "https://api.whatsapp.com/send?text=call&me=1#phone=79990000001",
    "https://chat.whatsapp.com/79990000001",
    "https://whatsapp.com/channel/79990000001",
    "https://call.whatsapp.com/voice/79990000001",
    "https://evil.example/wa.me/79990000001",
    "https://notwa.me/79990000001",
    "https://wa.me.evil.example/79990000001",
    "https://evilwhatsapp.com/send?phone=79990000001",
    "intent://send/?phone=79990000001#Intent;scheme=sms;end",
    "tel:+79990000001",
  ])("%s", (href) => {
    expect(parseLink(href, NUMBERS)).toBeUndefined();
  });
});

test.each([
  ["?text=%D0%94%D0%B0", "Да"],
  ["?text=a+b%2Bc", "a b+c"],
  ["?text=100%", "100%"],
  ["?Text=hi", "hi"],
  ["?a=1", ""],
])("the text of %s is %j", (query, text) => {
  expect(parseLink("https://wa.me/79990000001" + query, NUMBERS)![1]).toBe(text);
});

test("the first pattern that suits the page gives the phrase", () => {
  const phrases = [
    { page: "/en/*/sale", text: "sale" },
    { page: "/en/", text: "en" },
    { page: "/каталог/", text: "каталог" },
    { page: "*.php", text: "php" },
  ];
  const found = ["/en/sofa/sale", "/en/sofa", "/%D0%BA%D0%B0%D1%82%D0%B0%D0%BB%D0%BE%D0%B3/1", "/a.php"];
  expect(found.map((path) => phraseOf(path, phrases))).toEqual(["sale", "en", "каталог", "php"]);
});

test("variables are filled once, unknown ones vanish", () => {
  expect(fill("{title}: {price} {nothing}", { title: "{price} $&", price: "5" })).toBe("{price} $&: 5");
});

test("a long phrase is cut, the reference stays, no symbol is halved", () => {
  const write = (phrase: string) => "https://wa.me/79990000001?text=" + encodeURIComponent("7KQ2-M4CP " + phrase);
  const made = compose(write, "Диван 🛋️ ".repeat(500));
  expect(made[0].length).toBeLessThanOrEqual(2000);
  expect(made[0].length).toBeGreaterThan(1800);
  expect(decodeURIComponent(made[0])).toContain("text=7KQ2-M4CP Диван 🛋️ Диван");
});

test("the reference survives even where nothing else fits", () => {
  const made = compose((phrase) => "x".repeat(3000) + "7KQ2-M4CP" + phrase, "привет");
  expect(made).toEqual(["x".repeat(3000) + "7KQ2-M4CP", ""]);
});
