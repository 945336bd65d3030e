/** Wire the page to the rest: gate, visit, links, presses. Nothing here may throw into the page. */

import { readConfig, type Config } from "./config";
import { fold, watch, type Signals } from "./consent";
import { guard } from "./guard";
import { idsOf } from "./ids";
import { parseLink } from "./links";
import { compose, cut, fill, phraseOf } from "./phrase";
import { mint, newId, printed, withoutReferences } from "./reference";
import { resend, send } from "./send";
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
  const ads: Signals = {};
  const other: Signals = {};
  const sources = new Map<string, string>(); // marked address → the one it was made of
  const pressed: Record<string, number> = {};
  let [arrival, campaign] = arrive(location.href, document.referrer, config.utm);
  let answer: boolean | undefined;

  const isAllowed = (): boolean | undefined => {
    if (page.document.prerendering || (config.dnt && (navigator as any).doNotTrack == 1)) return;
    const { consent: kept } = read();
    // A refusal holds in every open tab; a page's own default may only be stricter than what is kept.
    return kept != false && (answer == null ? kept || config.consent == "off" : answer);
  };

  const consent = (isGranted: boolean): void => {
    answer = isGranted;
    keep(Object.assign(isGranted ? read() : {}, { consent: isGranted }));
    schedule();
  };

  /** Give the visit of now, kept; with a change if there is one. */
  const current = (change?: (visit: Visit, kept: Kept) => void): Visit => {
    const now = Date.now();
    const kept = read();
    const old = kept.visit;
    const visit = old && goesOn(old, now, campaign) ? old : begin(arrival, campaign, now, old);
    campaign = ""; // it brought the page here once
    visit.seen = now;
    kept.visit = visit;
    if (change) change(visit, kept);
    keep(kept);
    return visit;
  };

  const payload = (visit: Visit, press?: Press): Payload =>
    payloadOf(
      {
        key: config.key,
        // remindTrace, because getTrace empties the history that the site's own forms will want.
        ids: idsOf(document.cookie, guard(() => page.b24Tracker.guest.remindTrace())()),
        screen: screen.width + "x" + screen.height,
        lang: navigator.language,
        consent: ads,
      },
      visit.facts,
      press,
    );

  const report = guard((isRetry?: boolean) => {
    if (!isAllowed()) return;
    current((visit) => {
      if (!visit.isSent) send(config.to, payload(visit));
      visit.isSent = true;
    });
    if (isRetry) resend(config.to);
  });

  const schedule = (): void => {
    if (document.hidden) report();
    else if (document.readyState == "complete") (page.requestIdleCallback || setTimeout)(() => report(true));
  };

  const mark = (href: string, path: Element[]): Marked => {
    const url = sources.get(href) || href;
    const target = parseLink(url, config.numbers);
    /** Find an attribute on the pressed element or the nearest one around it, through open shadow roots. */
    const attribute = (name: string): string | null | undefined =>
      path.map((node) => node.getAttribute("data-whence" + name)).find(Boolean);
    if (!target || !isAllowed() || attribute("") == "off") return [url];
    const [number, text, write] = target;
    const ref = current(({ refs }) => (refs[number] = refs[number] || mint())).refs[number]!;
    const phrase =
      withoutReferences(text) ||
      fill(attribute("-phrase") || phraseOf(location.pathname, config.phrases) || config.phrase, {
        title: document.title,
        page: location.origin + location.pathname,
        product: attribute("-product"),
        price: attribute("-price"),
      });
    const [marked, shown] = compose(write, config.template, { reference: printed(ref), phrase });
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
        Object.assign(
          {
            type: "click" as const,
            net: "whatsapp" as const,
            click: newId(),
            pressed: now,
            page: location.href.slice(0, LONGEST_URL),
            title: cut(document.title, LONGEST_TITLE),
          },
          facts,
        ),
      );
      kept.queue = (kept.queue || []).concat(click);
      send(config.to, click);
    });
  };

  const elements = (event?: Event): Element[] =>
    event ? (event.composedPath() as Element[]).filter((node) => node.matches) : [];

  /** Mark an address that a script made. */
  const markAddress = guard((address: string, isPress?: boolean): string => {
    const event = window.event;
    const marked = mark(address, elements(event));
    // A link asked for while a click is handled is where that click leads.
    if (isPress || (event && event.type == "click")) press(marked);
    return marked[0];
  });

  const listen = (types: string, work: (event: any) => void): void =>
    types.split(" ").forEach((type) => addEventListener(type, guard(work), true));

  listen("pointerdown mouseover focusin auxclick click", (event: MouseEvent) => {
    const path = elements(event);
    const link = path.find((node) => node.matches(":any-link"));
    if (!link) return;
    const href = link.getAttribute("href")!;
    const marked = mark(href, path);
    if (marked[0] != href) link.setAttribute("href", marked[0]);
    // Enter arrives as a click; the right button is no press.
    if (/click/.test(event.type) && event.button < 2) press(marked);
  });
  listen("pageshow visibilitychange", schedule);

  page.whence = {
    link: (number: string, phrase = ""): string => {
      const plain = "https://wa.me/" + number.replace(/\D/g, "") + "?text=" + encodeURIComponent(phrase);
      return markAddress(plain) || plain;
    },
    consent: guard(consent),
  };

  const { open } = page;
  page.open = (address: unknown, ...rest: unknown[]) =>
    open.call(page, address && (markAddress("" + address, true) || address), ...rest);

  if (config.consent == "google") {
    watch(
      (page.dataLayer = page.dataLayer || []),
      guard((item) => {
        const action = fold(ads, other, item);
        const isGranted = other.analytics_storage == "granted";
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
