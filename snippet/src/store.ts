/** What is kept in the browser, under one name; in memory when the browser refuses. */

import { guard } from "./guard";
import type { Visit } from "./visit";
import type { Payload } from "./wire";

export interface Kept {
  /** The visitor's own answer. */
  consent?: boolean;
  visit?: Visit;
  /** Click beacons without an answer yet. */
  unanswered?: Payload[];
}

let memory: string | undefined; // once the browser has refused: blocked or full

/** Read what is kept. */
export const read = (): Kept => guard(() => JSON.parse(memory || localStorage.whence))() || {};

/** Keep, instead of all that was kept. */
export function write(kept: Kept): void {
  const text = JSON.stringify(kept);
  if (!guard(() => (localStorage.whence = text))()) memory = text;
}
