/** The visit: when a new one starts, where it came from, what the visitor's history says. */

import { guard } from "./guard";
import { newId } from "./reference";

export type Touch = [at: number, landing: string, referrer: string];

/** What the opening of a page tells. */
export interface Arrival {
  landing: string;
  referrer: string;
  clicks: Record<string, string>;
  utm: Record<string, string>;
}

/** The visit as the beacons report it. */
export interface Facts extends Arrival {
  visit: string;
  visitor: string;
  started: number;
  before: number;
  zone: string;
  first: Touch;
  /** The last touch that was not direct. */
  last?: Touch | undefined;
}

export interface Visit {
  facts: Facts;
  seen: number;
  campaign: string;
  /** Number → reference. */
  refs: Record<string, string>;
  isSent?: boolean;
}

declare const Temporal: any; // the compiler's library does not know it yet

const UTM = /^utm_/;
const CLICK_IDS = /^(([gy]|ys|fb|tt)clid|[gw]braid|msclkid|rb_clickid)$/;
const LONGEST_URL = 2000;
const LONGEST_ID = 500;
const IDLE = 18e5;
const CLICK_IDS_LAST = 90 * 864e5;

/** Read how a page was opened, and by which campaign if any. `names`: own parameter name → standard one. */
export function arrive(url: string, referrer: string, names: Record<string, string>): [arrival: Arrival, campaign: string] {
  const clicks: Arrival["clicks"] = {};
  const utm: Arrival["utm"] = {};
  let campaign = "";
  const { host, searchParams } = new URL(url);
  searchParams.forEach((value, name) => {
    // The standard names are read from the landing address by the server.
    const into = UTM.test(names[name]!) ? utm : CLICK_IDS.test(name) ? clicks : UTM.test(name) && {};
    if (value && into) {
      into[names[name] || name] = value.slice(0, LONGEST_ID);
      campaign += name + value;
    }
  });
  return [
    {
      landing: url.slice(0, LONGEST_URL),
      // A page of the same site is not a source.
      referrer: referrer.split("/")[2] == host ? "" : referrer.slice(0, LONGEST_URL),
      clicks,
      utm,
    },
    campaign,
  ];
}

/** Tell whether a visit goes on: not after 30 idle minutes, nor when another campaign brought the page. */
export const goesOn = (visit: Visit, now: number, campaign: string): boolean =>
  now - visit.seen < IDLE && (!campaign || campaign == visit.campaign);

/** Name the time zone. Intl costs a fresh page some 15 ms, so it is asked once per visit and only where it must be. */
const zoneName = (): string =>
  guard(() => Temporal.Now.timeZoneId() as string)() || Intl.DateTimeFormat().resolvedOptions().timeZone;

/** Begin a visit after the one before, if there was one. */
export function begin(arrival: Arrival, campaign: string, now: number, previous?: Visit): Visit {
  const { landing, referrer } = arrival;
  const old: Partial<Facts> = previous ? previous.facts : { before: -1 };
  const touch: Touch = [now, landing, referrer];
  const isDirect = !campaign && !referrer;
  const last = isDirect ? old.last : touch;
  return {
    facts: {
      ...arrival,
      visit: newId(),
      visitor: old.visitor || newId(),
      started: now,
      before: old.before! + 1,
      zone: zoneName(),
      first: old.first || touch,
      last,
      // The click ids of the last touch go with the direct visits after it.
      clicks: isDirect && last && now - last[0] < CLICK_IDS_LAST ? old.clicks! : arrival.clicks,
    },
    seen: now,
    campaign,
    refs: {},
  };
}
