/** Google Consent Mode, read from the page's data layer. */

export type Signals = Record<string, string>;

/**
 * Fold one item of the data layer into what is known of the signals.
 *
 * Gives the action of a consent command about storage: "default" or "update".
 */
export function fold(known: Signals, [word, action, said]: Iterable<any>): string | undefined {
  if (word != "consent") return;
  for (const name in said) {
    // A default may hold for one region only, and which one is ours is not known: it can deny, never lift.
    // Beside the signals (ad_…, analytics_storage) stand a region and a time to wait.
    if (/^a/.test(name) && (action == "update" || known[name] != "denied")) known[name] = said[name];
  }
  return said.analytics_storage && action;
}

/** Tell every item of the data layer, those that stand there and those to come. */
export function watch(layer: unknown[], tell: (item: any) => void): void {
  const push = layer.push;
  layer.forEach(tell);
  layer.push = (...items) => {
    items.forEach(tell);
    return push.call(layer, ...items);
  };
}
