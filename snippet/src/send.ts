/** Beacons on their way. A click waits in the queue until somebody answers it. */

import { guard } from "./guard";
import { read, write } from "./store";
import type { Payload } from "./wire";

const QUEUE_LENGTH = 20;
const QUEUE_LASTS = 7 * 864e5;

/** Keep only some of the clicks that wait for an answer. */
function sift(stays: (click: Payload) => boolean): Payload[] {
  const kept = read();
  kept.unanswered = (kept.unanswered || []).filter(stays).slice(-QUEUE_LENGTH);
  write(kept);
  return kept.unanswered;
}

/** Send a beacon; an answer takes a click out of the queue. Unless the page stays, it outlives the page. */
export function send(to: string | URL, payload: Payload, pageStays?: boolean): void {
  const body = JSON.stringify(payload); // a string goes as text/plain: no preflight
  const beacon = guard(() => pageStays || navigator.sendBeacon(to, body));
  // fetch tells whether somebody answered. Where there is none, or it cannot outlive the page, or it is refused
  // or fails, sendBeacon goes; a copy too many does no harm.
  (async () => {
    const request = new Request(to, { method: "POST", body, keepalive: !pageStays });
    if (!request.keepalive) beacon();
    // A plain refusal is an answer too; a missing path, too many requests and a failure may pass.
    if ((await fetch(request)).status < 404) sift((other) => other.click != payload.click);
  })().catch(beacon);
}

/** Give the clicks that nobody answered; those that are too old are given up. */
export const unanswered = (): Payload[] => sift((click) => Date.now() - (click.pressed as number) < QUEUE_LASTS);
