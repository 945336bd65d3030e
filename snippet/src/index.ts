/** Wire the page to the rest: gate, visit, links, presses. Nothing here may throw into the page. */

import { readConfig, type Config } from "./config";
import { fold, watch, type Signals } from "./consent";
import { guard } from "./guard";
import { idsOf } from "./ids";
import { parseLink } from "./links";
import { compose, cut, fill, phraseOf } from "./phrase";
import { mint, newId, printed, withoutReferences } from "./reference";
import { send, unanswered } from "./send";
import { read, write as keep, type Kept } from "./store";
import { arrive, begin, goesOn, type Visit } from "./visit";
import { payloadOf, type Payload, type Press } from "./wire";

/** An address that is ready to be pressed, and what a press of it would report if it is one of ours. */
type Marked = [url: string, pressed?: Pick<Press, "number" | "ref" | "phrase">];

const SAME_PRESS = 1000;
const LONGEST_URL = 2000;
const LONGEST_TITLE = 300;

const page = window as any;

function start(config: Config): void {
  const signals: Signals = {};
  const sources = new Map<string, string>(); // marked address → the one it was made of
  const pressed: Record<string, number> = {};
  let [arrival, campaign] = arrive(location.href, document.referrer, config.utm);
  let answer: boolean | undefined;

  const isAllowed = (): boolean | undefined => {
    const { consent: kept } = read();
    const isRefused = page.document.prerendering || (config.dnt && (navigator as any).doNotTrack == 1) || kept == false;
    // A refusal holds in every open tab; a page's own default may only be stricter than what is kept.
    return !isRefused && (answer == null ? kept || config.consent == "off" : answer);
  };

  const consent = (isGranted: boolean): void => {
    answer = isGranted;
    keep({ ...(isGranted && read()), consent: isGranted });
    schedule();
  };

  /** Do something with the visit of now, and keep what it became. */
  const current = <R>(work: (visit: Visit, kept: Kept) => R): R => {
    const now = Date.now();
    const kept = read();
    let { visit } = kept;
    if (!visit || !goesOn(visit, now, campaign)) kept.visit = visit = begin(arrival, campaign, now, visit);
    campaign = ""; // it brought the page here once
    visit.seen = now;
    const result = work(visit, kept);
    keep(kept);
    return result;
  };

  const payload = (visit: Visit, press?: Press): Payload =>
    payloadOf(
      {
        key: config.key,
        // remindTrace, because getTrace empties the history that the site's own forms will want.
        ids: idsOf(document.cookie, guard(() => page.b24Tracker.guest.remindTrace())()),
        screen: screen.width + "x" + screen.height,
        lang: navigator.language,
        consent: signals,
      },
      visit.facts,
      press,
    );

  const report = guard(() => {
    if (!isAllowed()) return;
    current((visit) => {
      if (!visit.isSent) send(config.to, payload(visit));
      visit.isSent = true;
    });
    if (!document.hidden) unanswered().forEach((click) => send(config.to, click, true));
  });

  const schedule = (): void => {
    if (document.hidden) report();
    else if (document.readyState == "complete") (page.requestIdleCallback || setTimeout)(report);
  };

  const mark = (href: string, path: Element[]): Marked => {
    const url = sources.get(href) || href;
    const target = parseLink(url, config.numbers);
    /** Find an attribute on the pressed element or the nearest one around it, through open shadow roots. */
    const attribute = (name: string): string | null | undefined =>
      path.map((node) => node.getAttribute("data-whence" + name)).find(Boolean);
    if (!target || !isAllowed() || attribute("") == "off") return [url];
    const [number, text, write] = target;
    const ref = current(({ refs }) => (refs[number] = refs[number] || mint()));
    const phrase =
      withoutReferences(text) ||
      fill(attribute("-phrase") || phraseOf(location.pathname, config.phrases), {
        title: document.title,
        page: location.origin + location.pathname,
        product: attribute("-product"),
        price: attribute("-price"),
      });
    const [marked, shown] = compose((phrase) => write(fill(config.template, { reference: printed(ref), phrase })), phrase);
    sources.set(marked, url);
    return [marked, { number, ref, phrase: shown }];
  };

  const press = ([, facts]: Marked): void => {
    const now = Date.now();
    if (!facts || now - pressed[facts.number]! < SAME_PRESS) return;
    pressed[facts.number] = now;
    current((visit, kept) => {
      const click = payload(
        visit,
{
          ...facts,
          type: "click",
          net: "whatsapp",
          click: newId(),
          pressed: now,
          page: location.href.slice(0, LONGEST_URL),
          title: cut(document.title, LONGEST_TITLE),
        },
      );
      kept.unanswered = (kept.unanswered || []).concat(click);
      send(config.to, click);
    });
  };

  const elements = (event?: Event): Element[] =>
    event ? (event.composedPath() as Element[]).filter((node) => node.matches) : [];

  /** Mark an address that a script made. */
  const markAddress = (address: unknown, isPress?: boolean): unknown =>
    guard(() => {
      const { event } = page;
      const marked = mark("" + address, elements(event));
      // A link asked for while a click is handled is where that click leads.
      if (isPress || (event && /click/.test(event.type))) press(marked);
      return marked[0];
    })() || address;

  const notice = guard((event: any): void => {
    const path = elements(event);
    const link = path.find((node) => node.matches(":any-link"));
    if (link) {
      const href = link.getAttribute("href")!;
      const marked = mark(href, path);
      if (marked[0] != href) link.setAttribute("href", marked[0]);
      // Enter arrives as a click; the right button is no press.
      if (/click/.test(event.type) && event.button < 2) press(marked);
    }
    // What happens to no element happens to the page.
    if (!path[0]) schedule();
  });

  for (const type of "pointerdown mouseover focusin auxclick click pageshow visibilitychange".split(" "))
    addEventListener(type, notice, true);

  page.whence = {
    link: (number: string, phrase = "") =>
      markAddress("https://wa.me/" + number.replace(/\D/g, "") + "?text=" + encodeURIComponent(phrase)),
    consent: guard(consent),
  };

  const { open } = page;
  page.open = (address: unknown, ...rest: unknown[]) =>
    open(address && markAddress(address, true), ...rest);

  if (config.consent == "google") {
    watch(
      (page.dataLayer = page.dataLayer || []),
      guard((item) => {
        const action = fold(signals, item);
        const isGranted = signals.analytics_storage == "granted";
        // Only the visitor's own answer erases; a default comes first on every page.
        if (action == "update") consent(isGranted);
        else if (action) answer = isGranted;
      }),
    );
  }
  schedule();
}

try {
  const { dataset, src } = document.currentScript as HTMLScriptElement;
  if (!page.whence) start(readConfig(dataset.whence!, src));
} catch (error) {
  console.warn(error);
}
