/** A site, the service on another origin, and a real Chromium that never leaves this machine. */

import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { chromium, type Browser, type BrowserContext, type Page } from "playwright-core";
// @ts-expect-error plain JavaScript, shared with the bench
import { findChromium, FLAGS } from "./chromium.mjs";

const SCRIPT = readFileSync(new URL("../dist/whence.js", import.meta.url));
const INTEGRITY = "sha384-" + createHash("sha384").update(SCRIPT).digest("base64");
export type Beacon = Record<string, any>;

/** Where a press leads; instead of the messenger a blank page answers. */
const MESSENGER = /^https:\/\/([a-z.]+\.)?(wa\.me|whatsapp\.com)\//i;

const listen = (server: Server): Promise<string> =>
  new Promise((resolve) =>
    server.listen(0, "127.0.0.1", () => resolve(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)),
  );

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

export class World {
  site = "";
  service = "";
  beacons: Beacon[] = [];
  contentTypes: string[] = [];
  /** The status of the service's answers; 0 cuts the connection. */
  status = 204;
  private agent = "";
  private visitors = 0;
  private servers: Server[] = [];
  private browser!: Browser;

  async start(): Promise<void> {
    this.servers = [createServer((request, response) => this.page(request.url!, response)), this.makeService()];
    [this.site, this.service] = (await Promise.all(this.servers.map(listen))) as [string, string];
    this.browser = await chromium.launch({
      executablePath: findChromium(),
      args: FLAGS,
    });
  }

  async stop(): Promise<void> {
    await this.browser.close();
    for (const server of this.servers) server.closeAllConnections(), server.close();
  }

  async visitor(): Promise<Visitor> {
    this.beacons = [];
    this.status = 204;
    this.agent = `Visitor/${++this.visitors}`;
    const context = await this.browser.newContext({ userAgent: this.agent, locale: "ru-RU", timezoneId: "Europe/Moscow" });
    await context.route(MESSENGER, (route) => route.fulfill({ contentType: "text/html", body: "messenger" }));
    return new Visitor(this, context);
  }

  private page(url: string, response: import("node:http").ServerResponse): void {
    const name = new URL(url, "http://x").pathname.split("/")[1] || "links";
    const file = new URL(`pages/${name}.html`, import.meta.url);
    if (!existsSync(file)) return void response.writeHead(404).end();
    const text = readFileSync(file, "utf8").replaceAll("{service}", this.service).replaceAll("{integrity}", INTEGRITY);
    const policy = `default-src 'none'; script-src '${INTEGRITY}'; connect-src ${this.service}`;
    response.setHeader("Content-Type", "text/html; charset=utf-8");
    if (name == "strict-csp") response.setHeader("Content-Security-Policy", policy);
    response.end(text);
  }

  private makeService(): Server {
    return createServer(async (request, response) => {
      response.setHeader("Access-Control-Allow-Origin", "*");
      if (request.method == "GET") return void response.setHeader("Content-Type", "text/javascript").end(SCRIPT);
      const body = await bodyOf(request);
      if (request.url == "/hang") return; // never answered: it fills what the browser lets outlive a page
      if (!this.status) return void request.socket.destroy();
      // A beacon outlives its page: one of the visitor before may still come.
      if (request.headers["user-agent"] != this.agent) return void response.end();
      this.contentTypes.push(String(request.headers["content-type"]));
      if (this.status < 300) this.beacons.push(JSON.parse(body));
      response.writeHead(this.status).end();
    });
  }
}

export class Visitor {
  page!: Page;
  errors: string[] = [];

  constructor(
    readonly world: World,
    readonly context: BrowserContext,
  ) {}

  /** Open a page in a new tab; the visit's beacon has gone by then, if one goes. */
  async open(path: string, { isReported = true, referer = "" } = {}): Promise<Page> {
    const count = this.of("visit").length;
    this.page = await this.context.newPage();
    this.page.on("pageerror", (error) => this.errors.push(String(error)));
    await this.page.goto(this.world.site + path, { waitUntil: "load", ...(referer ? { referer } : {}) });
    await this.page.waitForFunction("window.whence");
    if (isReported) await until(() => this.of("visit").length > count, "a visit beacon");
    return this.page;
  }

  of(type: string): Beacon[] {
    return this.world.beacons.filter((beacon) => beacon.type == type);
  }

  async clicks(count = 1): Promise<Beacon[]> {
    await until(() => this.of("click").length >= count, `${count} click beacons`);
    return this.of("click");
  }

  href(selector: string): Promise<string | null> {
    return this.page.locator(selector).getAttribute("href");
  }

  /** Show the intent only: the pointer comes over the link. */
  async textAfterHover(selector: string): Promise<string | null> {
    await this.page.mouse.move(0, 0);
    await this.page.locator(selector).hover();
    return textOf((await this.href(selector))!);
  }

  stored(): Promise<any> {
    return this.page.evaluate(() => JSON.parse(localStorage.getItem("whence") || "null"));
  }

  close(): Promise<void> {
    return this.context.close();
  }
}

/** The message that a link brings along. */
export const textOf = (href: string): string | null => {
  const found = /[?&]text=([^&#]*)/i.exec(href);
  return found && decodeURIComponent(found[1]!);
};

export const pause = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));

export async function until(isTrue: () => boolean, what: string): Promise<void> {
  for (let waited = 0; !isTrue(); waited += 10) {
    if (waited > 5000) throw new Error("waited in vain for " + what);
    await pause(10);
  }
}
