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
  const config: Config = {
    phrases: [],
    phrase: "",
    template: "{reference} {phrase}",
    consent: "off",
    utm: {},
    to: "/collect",
    ...JSON.parse(json),
  };
  config.to = new URL(config.to, src);
  config.phrases.push({ page: "", text: config.phrase }); // suits every page
  return config;
}
