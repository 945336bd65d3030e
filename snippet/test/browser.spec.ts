import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { pause, textOf, until, Visitor, World } from "./browser";

const world = new World();
let visitor: Visitor;

beforeAll(() => world.start());
afterAll(() => world.stop());
beforeEach(async () => {
  visitor = await world.visitor();
});
afterEach(async () => {
  expect(visitor.errors).toEqual([]);
  await visitor.close();
});

const REFERENCE = /^[2-9A-HJKMNP-Z]{4}-[2-9A-HJKMNP-Z]{4} /;
const HALF_HOUR = 30 * 60_000;

/** Make the kept visit look as if its last sign of life was a while ago. */
const idle = (milliseconds: number) =>
  visitor.page.evaluate((milliseconds) => {
    const kept = JSON.parse(localStorage.whence);
    kept.visit.s -= milliseconds; // the built name of `seen`
    localStorage.whence = JSON.stringify(kept);
  }, milliseconds);

describe("links", () => {
  test("every form of a link is marked, with its phrase", async () => {
    const forms = ["plain", "second", "written", "api", "web", "app", "intent", "vector"];
    const phrases: Record<string, string> = {
      ...Object.fromEntries(forms.map((id) => [id, "Здравствуйте!"])),
      text: "Хочу диван",
      copied: "Да",
      button: "Интересует Осло за 25 000 ₽",
      inner: "Из подвала",
    };
    await visitor.open("/links");
    for (const id in phrases) {
      const text = (await visitor.textAfterHover("#" + id))!;
      expect([id, text.slice(10)]).toEqual([id, phrases[id]]);
      expect(text).toMatch(REFERENCE);
      expect(text).not.toContain("7KQ2-M4CP");
    }
  });

  test("support, share and group links and those that opted out are left as they are", async () => {
    await visitor.open("/links");
    for (const id of ["off", "support", "share", "group"]) {
      const before = await visitor.href("#" + id);
      await visitor.page.hover("#" + id);
      await visitor.page.click("#" + id, { modifiers: ["Control"] });
      expect(await visitor.href("#" + id)).toBe(before);
    }
    expect(visitor.of("click")).toEqual([]);
  });

  test("nothing but the text of a link changes", async () => {
    await visitor.open("/links");
    await visitor.textAfterHover("#api");
    const link = visitor.page.locator("#api");
    expect(await link.getAttribute("href")).toMatch(/send\/\?phone=8%20999%20000-00-01&app_absent=0&text=/);
    expect([await link.getAttribute("target"), await link.getAttribute("rel")]).toEqual(["_blank", "noopener"]);
  });

  test("one reference per visit and number, however often it is asked for", async () => {
    await visitor.open("/links");
    const texts = [];
    for (const id of ["plain", "api", "plain", "second"]) texts.push((await visitor.textAfterHover("#" + id))!.slice(0, 9));
    expect(new Set(texts.slice(0, 3)).size).toBe(1);
    expect(texts[3]).not.toBe(texts[0]);
    await visitor.open("/links", { isReported: false });
    expect((await visitor.textAfterHover("#plain"))!.slice(0, 9)).toBe(texts[0]);
  });

  test("the keyboard's focus marks as well as the pointer", async () => {
    await visitor.open("/links");
    await visitor.page.focus("#plain");
    expect(textOf((await visitor.href("#plain"))!)).toMatch(REFERENCE);
  });

  test("a phrase of the page may name the page and its title", async () => {
    await visitor.open("/links/en?utm_source=x");
    expect((await visitor.textAfterHover("#plain"))!.slice(10)).toBe(`Hello! Диван «Осло», ${world.site}/links/en`);
  });

  test("a link that comes late or is rendered again is marked", async () => {
    const page = await visitor.open("/late");
    await page.waitForSelector("#late");
    const text = await visitor.textAfterHover("#late");
    await page.evaluate("render()");
    expect(await visitor.textAfterHover("#late")).toBe(text);
  });

  test("a copy of a marked link is not marked twice", async () => {
    const page = await visitor.open("/links");
    const text = await visitor.textAfterHover("#plain");
    await page.evaluate(() => {
      const copy = document.querySelector("#plain")!.cloneNode(true) as Element;
      copy.id = "copy";
      document.body.append(copy);
    });
    expect(await visitor.textAfterHover("#copy")).toBe(text);
  });

  test("a link in an open shadow root is marked, with the phrase of its host", async () => {
    const page = await visitor.open("/shadow");
    expect((await visitor.textAfterHover("#deep"))!.slice(10)).toBe("Из тени");
    await page.click("#deep i");
    expect((await visitor.clicks())[0]).toMatchObject({ number: "79990000001", phrase: "Из тени" });
  });

  test("in a page that changes without loading the phrase is the one of the press", async () => {
    const page = await visitor.open("/spa/");
    const first = (await visitor.textAfterHover("#chat"))!;
    await page.click("#go");
    expect(await visitor.textAfterHover("#chat")).toBe(first.slice(0, 10) + "О диване: Осло");
    await page.click("#chat");
    const [click] = await visitor.clicks();
    expect(click).toMatchObject({ page: world.site + "/spa/sofa/oslo", title: "Осло", landing: world.site + "/spa/" });
  });

  test("hostile spellings do not throw and are not marked", async () => {
    const page = await visitor.open("/links");
    for (const href of ["constructor", "__proto__", "https://wa.me/%E0%A4%A", "javascript:void 0", "https://wa.me/%"]) {
      await page.evaluate((href) => (document.body.innerHTML = `<a id="odd" href="${href}">odd</a>`), href);
      await page.mouse.move(0, 0);
      await page.hover("#odd");
      expect(await visitor.href("#odd")).toBe(href);
    }
  });
});

describe("presses", () => {
  test("a press is reported with its visit", async () => {
    const page = await visitor.open("/links?yclid=1234567890123456789", { referer: "https://yandex.ru/" });
    await page.click("#text");
    await page.waitForURL(/wa\.me/);
    const [click] = await visitor.clicks();
    const [visit] = visitor.of("visit");
    expect(click).toMatchObject({
      v: 1,
      key: "pk_test",
      visit: visit!.visit,
      visitor: visit!.visitor,
      landing: world.site + "/links?yclid=1234567890123456789",
      referrer: "https://yandex.ru/",
      clicks: { yclid: "1234567890123456789" },
      net: "whatsapp",
      number: "79990000001",
      page: world.site + "/links?yclid=1234567890123456789",
      title: "Диван «Осло»",
      phrase: "Хочу диван",
      lang: "ru-RU",
      zone: "Europe/Moscow",
      screen: "1280x720",
    });
    expect(textOf(page.url())).toBe(`${click!.ref.slice(0, 4)}-${click!.ref.slice(4)} Хочу диван`);
    expect(world.contentTypes.every((type) => type.startsWith("text/plain"))).toBe(true);
  });

  test("the middle button and Enter are presses, the right button is none", async () => {
    const page = await visitor.open("/links");
    await page.click("#plain", { button: "right" });
    await page.click("#plain", { button: "middle" });
    await visitor.clicks(1);
    await page.focus("#second");
    await page.keyboard.press("Enter");
    await visitor.clicks(2);
    expect(visitor.of("click").map(({ number }) => number)).toEqual(["79990000001", "79990000003"]);
  });

  test("a double click is one press, a later one is another", async () => {
    const page = await visitor.open("/links");
    await page.evaluate(() => addEventListener("click", (event) => event.preventDefault()));
    await page.dblclick("#plain");
    await pause(1100);
    await page.click("#plain");
    const clicks = await visitor.clicks(2);
    expect(clicks.length).toBe(2);
    expect(clicks[0]!.click).not.toBe(clicks[1]!.click);
    expect(clicks[0]!.ref).toBe(clicks[1]!.ref);
  });

  test.each([
    ["button", "С кнопки"],
    ["late", "Здравствуйте!"],
    ["both", "Здравствуйте!"],
  ])("window.open by #%s is a press", async (id, phrase) => {
    const page = await visitor.open("/open");
    const [opened] = await Promise.all([visitor.context.waitForEvent("page"), page.click("#" + id)]);
    await opened.waitForURL(/wa\.me/);
    expect(textOf(opened.url())!.slice(10)).toBe(phrase);
    const [click] = await visitor.clicks();
    expect(click!.phrase).toBe(phrase);
    await pause(200);
    expect(visitor.of("click").length).toBe(1);
  });

  test("window.open stays what it was for everything else", async () => {
    const page = await visitor.open("/open");
    await page.click("#other");
    expect(await page.evaluate("opened.name")).toBe("named");
    await page.click("#empty");
    expect(await page.evaluate("opened.location.href")).toBe("about:blank");
    expect(visitor.of("click")).toEqual([]);
  });

  test("the address from whence.link is marked, and a press when it is asked for in one", async () => {
    const page = await visitor.open("/open");
    const link: string = await page.evaluate("whence.link('79990000001')");
    expect(textOf(link)).toMatch(/ Здравствуйте!$/);
    expect(await page.evaluate("whence.link('79990000002', 'Да')")).toBe("https://wa.me/79990000002?text=%D0%94%D0%B0");
    expect(visitor.of("click")).toEqual([]);
    await page.click("#api");
    await page.waitForURL(/wa\.me/);
    expect((await visitor.clicks())[0]).toMatchObject({ number: "79990000001", phrase: "Из кода" });
  });
});

describe("the visit", () => {
  test("one beacon per visit, whatever the number of pages", async () => {
    await visitor.open("/links?utm_source=vk");
    await visitor.open("/links", { isReported: false });
    await visitor.open("/links?utm_source=vk", { isReported: false });
    await pause(300);
    expect(visitor.of("visit").length).toBe(1);
  });

  test("another campaign starts another visit, and the first touch stays", async () => {
    await visitor.open("/links?utm_source=vk");
    await visitor.open("/links?utm_source=yandex&utm_medium=cpc");
    const [first, second] = visitor.of("visit");
    expect(first).not.toHaveProperty("first");
    expect(second).toMatchObject({ before: 1, visitor: first!.visitor });
    expect(second!.first.slice(1)).toEqual([world.site + "/links?utm_source=vk", ""]);
    expect(second!.last.slice(1)).toEqual([world.site + "/links?utm_source=yandex&utm_medium=cpc", ""]);
  });

  test("after 30 idle minutes a visit starts anew, with a new reference", async () => {
    await visitor.open("/links");
    const text = await visitor.textAfterHover("#plain");
    await idle(HALF_HOUR);
    expect((await visitor.textAfterHover("#second"))!.slice(0, 9)).not.toBe(text!.slice(0, 9));
    expect((await visitor.textAfterHover("#plain"))!.slice(0, 9)).not.toBe(text!.slice(0, 9));
    await visitor.open("/links");
    expect(visitor.of("visit").map(({ before }) => before)).toEqual([undefined, 1]);
  });

  test("the ids of other tools are read when they are needed, not when the page loads", async () => {
    const page = await visitor.open("/links");
    await page.evaluate(() => {
      document.cookie = "_ga=GA1.1.1162820436.1749482504";
      document.cookie = "_ga_ABC=GS2.1.s1747132561$o1$g0$t1747132655$j0$l0$h0";
      document.cookie = "_ym_uid=1581234567890123456";
      (window as any).b24Tracker = { guest: { remindTrace: () => '{"url":"x"}', getTrace: () => "emptied" } };
    });
    await page.click("#plain");
    expect((await visitor.clicks())[0]!.ids).toEqual({
      ga_client_id: "1162820436.1749482504",
      ga_session_id: "1747132561",
      ym_client_id: "1581234567890123456",
      b24_trace: '{"url":"x"}',
    });
  });

  test("own parameter names, own template and own collect address are used", async () => {
    const page = await visitor.open("/names?from=newsletter");
    expect(visitor.of("visit")[0]!.utm).toEqual({ utm_source: "newsletter" });
    expect(await visitor.textAfterHover("#chat")).toMatch(/^Здравствуйте! \(код [2-9A-HJKMNP-Z]{4}-[2-9A-HJKMNP-Z]{4}\)$/);
    await page.mouse.move(0, 400);
    expect(await visitor.textAfterHover("#chat")).toMatch(/^Здравствуйте! \(код .{9}\)$/);
  });

  test("a page that is only rendered ahead reports nothing until it is shown", async () => {
    await visitor.context.addInitScript(() => {
      let isAhead = true;
      Object.defineProperty(document, "prerendering", { get: () => isAhead });
      (window as any).show = () => {
        isAhead = false;
        document.dispatchEvent(new Event("visibilitychange", { bubbles: true }));
      };
    });
    const page = await visitor.open("/links", { isReported: false });
    await pause(300);
    expect([visitor.of("visit"), await visitor.stored()]).toEqual([[], null]);
    await page.evaluate("show()");
    await until(() => visitor.of("visit").length == 1, "a visit beacon");
  });

  test("a page that comes back after a while is another visit", async () => {
    const page = await visitor.open("/links?utm_source=vk");
    await idle(HALF_HOUR);
    // Chromium's driver cannot follow a page into the browser's memory, so only its return is played.
    await page.evaluate(() => dispatchEvent(new PageTransitionEvent("pageshow", { persisted: true })));
    await until(() => visitor.of("visit").length == 2, "the beacon of the next visit");
    expect(visitor.of("visit")[1]).toMatchObject({ before: 1, landing: world.site + "/links?utm_source=vk" });
    expect(await visitor.textAfterHover("#plain")).toMatch(REFERENCE);
  });
});

describe("consent", () => {
  const untouched = async () => {
    await pause(300);
    await visitor.page.hover("#chat");
    expect(await visitor.href("#chat")).toBe("https://wa.me/79990000001");
    expect(world.beacons).toEqual([]);
    expect((await visitor.stored())?.visit).toBeUndefined();
  };

  test("by Google Consent Mode: nothing before the answer, all after it, with the ads' answers", async () => {
    const page = await visitor.open("/google?gclid=1", { isReported: false });
    await untouched();
    await page.evaluate("answer('granted')");
    await until(() => visitor.of("visit").length == 1, "a visit beacon");
    expect(visitor.of("visit")[0]).toMatchObject({
      clicks: { gclid: "1" },
      consent: { ad_user_data: "granted", ad_personalization: "denied" },
    });
    expect(await visitor.textAfterHover("#chat")).toMatch(REFERENCE);
  });

  test("by Google Consent Mode: a denial erases and unmarks", async () => {
    const page = await visitor.open("/google", { isReported: false });
    await page.evaluate("answer('granted')");
    await visitor.textAfterHover("#chat");
    await page.evaluate("answer('denied')");
    await page.mouse.move(0, 400);
    await page.hover("#chat");
    expect(await visitor.href("#chat")).toBe("https://wa.me/79990000001");
    await pause(200);
    expect(await visitor.stored()).toMatchObject({ consent: false });
    expect((await visitor.stored()).visit).toBeUndefined();
  });

  test("by hand: the answer is remembered until it is withdrawn", async () => {
    let page = await visitor.open("/manual", { isReported: false });
    await untouched();
    await page.evaluate("whence.consent(true)");
    await until(() => visitor.of("visit").length == 1, "a visit beacon");
    page = await visitor.open("/manual", { isReported: false });
    expect(await visitor.textAfterHover("#chat")).toMatch(REFERENCE);
    await page.evaluate("whence.consent(false)");
    world.beacons = [];
    await visitor.open("/manual", { isReported: false });
    await untouched();
    expect(await visitor.stored()).toEqual({ consent: false });
  });

  test("a refusal holds in the other tabs that are open", async () => {
    const other = await visitor.open("/manual", { isReported: false });
    await other.evaluate("whence.consent(true)");
    const page = await visitor.open("/manual", { isReported: false });
    await page.evaluate("whence.consent(false)");
    await other.bringToFront();
    await other.hover("#chat");
    expect(await other.getAttribute("#chat", "href")).toBe("https://wa.me/79990000001");
    expect(await visitor.stored()).toEqual({ consent: false });
  });

  test("while it is not given links work and whence.link gives a plain address", async () => {
    const page = await visitor.open("/manual", { isReported: false });
    expect(await page.evaluate("whence.link('79990000001', 'Да')")).toBe("https://wa.me/79990000001?text=%D0%94%D0%B0");
    await page.click("#chat");
    await page.waitForURL("https://wa.me/79990000001");
    expect(world.beacons).toEqual([]);
  });

  test("do not track is respected when the settings say so", async () => {
    await visitor.context.addInitScript(() => Object.defineProperty(navigator, "doNotTrack", { value: "1" }));
    await visitor.open("/dnt", { isReported: false });
    await untouched();
    await visitor.open("/manual", { isReported: false });
  });

  test("without the wish not to be tracked the same page reports", async () => {
    await visitor.open("/dnt");
  });
});

describe("when things go wrong", () => {
  test.each([[0], [500], [404]])("with the service answering %s links work, and the click goes later", async (status) => {
    world.status = status;
    const page = await visitor.open("/links", { isReported: false });
    await page.click("#plain");
    await page.waitForURL(/wa\.me/);
    expect(textOf(page.url())).toMatch(REFERENCE);
    expect(world.beacons).toEqual([]);
    world.status = 204;
    await visitor.open("/links", { isReported: false });
    const [click] = await visitor.clicks();
    expect(textOf(page.url())!.replace("-", "").slice(0, 8)).toBe(click!.ref);
    await pause(200);
    await visitor.open("/links", { isReported: false });
    await pause(300);
    expect(visitor.of("click").length).toBe(1);
    expect((await visitor.stored()).q).toEqual([]);
  });

  // The fetch of each case, as seen by the page's script; sendBeacon stays.
  test.each([
    ["is missing", () => void delete (window as any).fetch],
    ["throws", () => void (window.fetch = () => { throw new TypeError("refused"); })],
    ["is refused", () => void (window.fetch = () => Promise.reject(new TypeError("quota")))],
    ["never comes to an answer and cannot outlive the page", () => {
      delete (Request.prototype as any).keepalive;
      window.fetch = () => new Promise(() => {});
    }],
  ])("where fetch %s sendBeacon takes the press along, and the copy stays", async (_, damage) => {
    await visitor.context.addInitScript(damage);
    const page = await visitor.open("/links");
    await page.click("#plain");
    await page.waitForURL(/wa\.me/);
    const [click] = await visitor.clicks();
    expect(textOf(page.url())!.replace("-", "").slice(0, 8)).toBe(click!.ref);
    await page.goBack();
    expect((await visitor.stored()).q.map(({ click }: any) => click)).toEqual([click!.click]);
    expect(world.contentTypes.every((type) => type.startsWith("text/plain"))).toBe(true);
  });

  test("a press that only sendBeacon took goes again by fetch, and its answer ends that", async () => {
    const page = await visitor.open("/links");
    world.status = 0;
    await page.evaluate(() => void delete (window as any).fetch);
    await page.click("#plain");
    await page.waitForURL(/wa\.me/);
    expect(visitor.of("click")).toEqual([]);
    world.status = 204;
    await visitor.open("/links", { isReported: false });
    await visitor.clicks();
    await pause(200);
    expect((await visitor.stored()).q).toEqual([]);
  });

  test("without fetch and sendBeacon nothing is thrown and the copy waits", async () => {
    const page = await visitor.open("/links");
    await page.evaluate(() => {
      delete (window as any).fetch;
      (navigator as any).sendBeacon = undefined;
      addEventListener("unhandledrejection", () => (document.title = "thrown"));
      addEventListener("click", (event) => event.preventDefault());
    });
    await page.click("#plain");
    await pause(200);
    expect(await page.title()).toBe("Диван «Осло»");
    expect((await visitor.stored()).q.length).toBe(1);
  });

  test("a page that cannot send more than the browser allows sends the press with the next one", async () => {
    const page = await visitor.open("/links");
    await page.evaluate((to) => {
      void fetch(to, { method: "POST", body: "x".repeat(65_000), keepalive: true }).catch(() => {});
    }, world.service + "/hang");
    await page.click("#plain");
    await page.waitForURL(/wa\.me/);
    await visitor.open("/links", { isReported: false });
    await visitor.clicks();
  });

  test("a refusal is an answer: the click is not sent again", async () => {
    const page = await visitor.open("/links");
    world.status = 403;
    await page.click("#app");
    await pause(300);
    expect((await visitor.stored()).q).toEqual([]);
  });

  test("the queue is bounded by number and age", async () => {
    const page = await visitor.open("/links");
    const now = Date.now();
    await page.evaluate((now) => {
      const kept = JSON.parse(localStorage.whence);
      kept.q = Array.from({ length: 40 }, (_, index) => ({ type: "click", click: `c${index}`, pressed: now - index * 3600_000 * 5 }));
      localStorage.whence = JSON.stringify(kept);
    }, now);
    await visitor.open("/links", { isReported: false });
    await visitor.clicks(20);
    await pause(200);
    expect(visitor.of("click").every(({ pressed }) => now - pressed < 7 * 24 * 3600_000)).toBe(true);
    expect(visitor.of("click").length).toBe(20);
  });

  test("with storage blocked everything works for the page", async () => {
    await visitor.context.addInitScript(() =>
      Object.defineProperty(window, "localStorage", {
        get() {
          throw new DOMException("blocked", "SecurityError");
        },
      }),
    );
    const page = await visitor.open("/links");
    const text = await visitor.textAfterHover("#plain");
    expect(await visitor.textAfterHover("#api")).toBe(text);
    await page.click("#app");
    const [click] = await visitor.clicks();
    expect(click).toMatchObject({ visit: visitor.of("visit")[0]!.visit, ref: text!.slice(0, 9).replace("-", "") });
  });

  test("what is kept may be broken", async () => {
    await visitor.context.addInitScript(() => (localStorage.whence = "{broken"));
    await visitor.open("/links");
    expect(await visitor.textAfterHover("#plain")).toMatch(REFERENCE);
  });

  test("broken settings give one warning and leave the page alone", async () => {
    const warnings: string[] = [];
    visitor.context.on("console", (message) => warnings.push(message.type()));
    const page = await visitor.context.newPage();
    page.on("pageerror", (error) => visitor.errors.push(String(error)));
    await page.goto(world.site + "/bad-config", { waitUntil: "load" });
    await page.click("#chat");
    await page.waitForURL("https://wa.me/79990000001");
    expect(warnings).toEqual(["warning"]);
    expect(world.beacons).toEqual([]);
  });

  test("under a strict policy with integrity it runs and reports", async () => {
    const page = await visitor.open("/strict-csp");
    await page.click("#chat");
    await page.waitForURL(/wa\.me/);
    expect((await visitor.clicks()).length).toBe(1);
  });

  test("its only name in the page is whence", async () => {
    const page = await visitor.open("/links");
    const names = await page.evaluate(() => {
      const frame = document.body.appendChild(document.createElement("iframe"));
      const usual = new Set(Object.getOwnPropertyNames(frame.contentWindow));
      frame.remove();
      return Object.getOwnPropertyNames(window).filter((name) => !usual.has(name) && !/^\d+$/.test(name));
    });
    expect(names.filter((name) => !name.startsWith("__"))).toEqual(["whence"]);
    expect(await page.evaluate("Object.keys(whence)")).toEqual(["link", "consent"]);
  });
});
