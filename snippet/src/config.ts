/** The settings that stand in the script tag. */

import type { PagePhrase } from "./phrase";

export interface Config {
  key: string;
  numbers: string[];
  to: string | URL;
  phrase: string;
  phrases: PagePhrase[];
  template: string;
  consent: "off" | "google" | "manual";
  /** The project's own parameter name → the standard UTM name. */
  utm: Record<string, string>;
  dnt?: boolean;
}

/** Read the settings of a tag; nothing in them is required but the key and the numbers. */
export function readConfig(json: string, src: string): Config {
  const config: Config = Object.assign(
    { phrase: "", phrases: [], template: "{reference} {phrase}", utm: {}, consent: "off", to: "/collect" },
    JSON.parse(json),
  );
  config.to = new URL(config.to, src);
  return config;
}
