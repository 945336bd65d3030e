/** The ids that analytics tools left on this site. All stay strings: Metrica's has up to 20 digits. */

/** Those that are not there are undefined. */
export type Ids = Record<string, string | undefined>;

// The value is the last group. Google's names may carry the site's own prefix.
const COOKIES: Record<string, RegExp> = {
  ga_client_id: /; \w*_ga=[^;]*?(\d+\.\d+)(?![^;])/,
  // GS1.1.<session>.… until May 2025, since then GS2.1.s<session>$o1$… with the parts in any order
  ga_session_id: /; \w*_ga_\w+=GS\d\.[^.;]*\.(([^;]*\$)?s)?(\d+)/,
  ym_client_id: /; _ym_uid=(\d+)/,
  fbp: /; _fbp=([^;]+)/,
  fbc: /; _fbc=([^;]+)/,
  roistat: /; roistat_visit=([^;]+)/,
};

/** Read the ids out of the cookies; a trace of Bitrix24 goes with them unless it is too long to be whole. */
export function idsOf(cookies: string, trace?: string): Ids {
  const ids: Ids = {};
  for (const name in COOKIES) ids[name] = (COOKIES[name]!.exec("; " + cookies) || []).pop();
  if (trace && trace.length < 4000) ids.b24_trace = trace;
  return ids;
}
