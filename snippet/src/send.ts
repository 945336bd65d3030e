/** Beacons on their way. A click waits in the queue until somebody answers it. */

import { read, write } from "./store";
import type { Payload } from "./wire";

const QUEUE_LENGTH = 20;
const QUEUE_LASTS = 7 * 864e5;

/** Keep only some of the clicks that wait for an answer. */
function sift(stays: (click: Payload) => boolean): Payload[] {
  const kept = read();
  kept.queue = (kept.queue || []).filter(stays).slice(-QUEUE_LENGTH);
  write(kept);
  return kept.queue;
}

/** Send a beacon that outlives the page; an answer takes a click out of the queue. */
export function send(to: string | URL, payload: Payload): void {
  // Unlike sendBeacon this tells whether somebody answered. A string goes as text/plain: no preflight.
  fetch(to, { method: "POST", body: JSON.stringify(payload), keepalive: true }).then(
    // A plain refusal is an answer too; a missing path, too many requests and a failure may pass.
    ({ status }) => status < 404 && sift((other) => other.click != payload.click),
    () => {},
  );
}

/** Send the clicks again that nobody answered; those that are too old are given up. */
export const resend = (to: string | URL): void =>
  sift((click) => Date.now() - (click.pressed as number) < QUEUE_LASTS).forEach((click) => send(to, click));
