/** Google Consent Mode, read from the page's data layer. */

export type Signals = Record<string, string>;

/**
 * Fold one item of the data layer into what is known: `ads` is reported, `other` decides.
 *
 * Gives the action of a consent command about storage: "default" or "update".
 */
export function fold(ads: Signals, other: Signals, [word, action, said]: Iterable<any>): string | undefined {
  if (word != "consent") return;
  for (const name in said) {
    const known = /d_[up]/.test(name) ? ads : other; // ad_user_data, ad_personalization
    // A default may hold for one region only, and which one is ours is not known: it can deny, never lift.
    if (action == "update" || known[name] != "denied") known[name] = said[name];
  }
  return said.analytics_storage && action;
}

/** Tell every item of the data layer, those that stand there and those to come. */
export function watch(layer: unknown[], tell: (item: any) => void): void {
  const push = layer.push;
  layer.forEach(tell);
  layer.push = (...items) => {
    items.forEach(tell);
    return push.apply(layer, items);
  };
}
