// What a test in the browser needs: a jobbad with a real Redis of its own, Chromium, and pages that are watched for
// whatever should never happen in them.

import { spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { createServer, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";

const CHROMIUM = "/usr/bin/chromium";
const CHROMIUM_ARGS = [
  "--no-sandbox", // tests may run as root
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
const WAIT_MS = 10_000;

/** Resolves when `holds()` is true; fails with what was waited for. */
export async function until(what, holds, ms = WAIT_MS) {
  const end = Date.now() + ms;
  while (!(await holds())) {
    if (Date.now() > end) throw new Error(`not in ${ms} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const ended = (child) => new Promise((resolve) => child.once("exit", resolve));

// ---- jobbad and its Redis ----

/** Whatever ends a test, also a time-out or a reader that has gone, ends what it has started. */
const services = new Set();
for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"]) process.once(signal, () => process.exit(1));
process.on("exit", () => services.forEach((service) => service.abandon()));

export class Service {
  #redis = null;
  #jobbad = null;
  port = 0;

  /** flags(): further flags, asked for at each start */
  constructor(program, flags = () => []) {
    this.program = program;
    this.flags = flags;
    this.dir = mkdtempSync(join(tmpdir(), "jobbad-browser-"));
    this.socket = join(this.dir, "redis");
    services.add(this);
  }

  get url() {
    return `http://127.0.0.1:${this.port}`;
  }

  async start() {
    await this.startRedis();
    await this.startJobbad();
  }

  async startRedis() {
    this.#redis = spawn(
      "redis-server",
      ["--port", "0", "--unixsocket", this.socket, "--dir", this.dir, "--save", ""],
      { stdio: "ignore" },
    );
    await until("Redis has its socket", () => existsSync(this.socket));
  }

  async stopRedis() {
    await this.#kill(this.#redis);
    rmSync(this.socket, { force: true });
  }

  /** On the port that it had before, if it had one. */
  async startJobbad() {
    const args = ["--listen", `127.0.0.1:${this.port}`, "--redis", `unix://${this.socket}`, ...this.flags()];
    this.#jobbad = spawn(this.program, args, { stdio: ["ignore", "pipe", "ignore"] });
    const line = await Promise.race([
      new Promise((resolve) => createInterface(this.#jobbad.stdout).once("line", resolve)),
      ended(this.#jobbad).then(() => "jobbad has ended"),
    ]);
    this.port = Number(/:(\d+)$/.exec(line)?.[1]);
    if (!this.port) throw new Error(line);
    await until("jobbad is ready", async () => (await fetch(`${this.url}/health/ready`)).ok);
  }

  stopJobbad = () => this.#kill(this.#jobbad);

  abandon() {
    for (const child of [this.#jobbad, this.#redis]) child?.kill("SIGKILL");
    rmSync(this.dir, { recursive: true, force: true });
  }

  async #kill(child) {
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const end = ended(child);
    child.kill("SIGKILL");
    await end;
  }

  async stop() {
    await this.#kill(this.#jobbad);
    await this.#kill(this.#redis);
    rmSync(this.dir, { recursive: true, force: true });
  }

  ask = (method, path, value) =>
    this.send(method, path, value === undefined ? undefined : JSON.stringify(value));

  /**
   * The answer's body; anything but success fails. After Redis was away each worker finds it again in its own time:
   * until then it says that nothing was changed, and to repeat the request.
   */
  async send(method, path, body) {
    const sent = body === undefined ? {} : { body, headers: { "Content-Type": "application/json" } };
    let response, text;
    await until(`${method} ${path} is available`, async () => {
      response = await fetch(this.url + path, { method, ...sent });
      text = await response.text();
      return !text.startsWith('{"type":"/problems/unavailable"');
    });
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return text && JSON.parse(text);
  }

  create = (status) => this.ask("POST", "/statuses", status);
  change = (id, changes) => this.ask("PATCH", `/statuses/${id}`, changes);
  enter = (id, state, changes) => this.ask("POST", `/statuses/${id}/${state}`, changes);

  async exists(id) {
    return (await fetch(`${this.url}/statuses/${id}`)).ok;
  }

  async empty() {
    await this.ask("DELETE", "/statuses?all=true&force=true");
  }
}

// ---- another origin ----

/** Serves `page`, { html, headers }, at / and hands whatever else is asked to `proxied`, a Service, if there is one. */
export class HostPage {
  page = { html: "", headers: {} };
  proxied = null;
  #server = createServer((asked, answer) => this.#serve(asked, answer));

  get url() {
    return `http://127.0.0.1:${this.#server.address().port}`;
  }

  #serve(asked, answer) {
    if (asked.url === "/")
      answer
        .writeHead(200, { "Content-Type": "text/html; charset=utf-8", ...this.page.headers })
        .end(this.page.html);
    else if (this.proxied) this.#pass(asked, answer);
    else answer.writeHead(asked.url === "/favicon.ico" ? 204 : 404).end();
  }

  #pass(asked, answer) {
    const { method, headers, url } = asked;
    const onward = request(this.proxied.url + url, { method, headers }, (answered) => {
      answer.writeHead(answered.statusCode, answered.headers);
      answered.pipe(answer);
    });
    onward.on("error", () => answer.destroy());
    answer.on("close", () => onward.destroy());
    asked.pipe(onward);
  }

  async start() {
    await new Promise((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
  }

  async stop() {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

// ---- Chromium ----

export class Browser {
  #browser = null;

  constructor(screenshots) {
    this.screenshots = screenshots;
    mkdirSync(screenshots, { recursive: true });
  }

  async start() {
    this.#browser = await chromium.launch({ executablePath: CHROMIUM, headless: true, args: CHROMIUM_ARGS });
  }

  async stop() {
    await this.#browser?.close();
  }

  /** A page in a context of its own. `page.faults` has what was logged as an error, thrown, or against the policy. */
  async open({ width = 1280, height = 800, ...options } = {}) {
    const context = await this.#browser.newContext({
      viewport: { width, height },
      locale: "en-GB",
      timezoneId: "Europe/Berlin",
      ...options,
    });
    context.setDefaultTimeout(WAIT_MS);
    const page = await context.newPage();
    page.faults = [];
    page.on("console", (message) => {
      if (message.type() === "error")
        page.faults.push(`console: ${message.text()} ${message.location().url}`);
    });
    page.on("pageerror", (error) => page.faults.push(`thrown: ${error.stack}`));
    page.on("dialog", (dialog) => {
      page.faults.push(`dialog: ${dialog.message()}`);
      dialog.dismiss();
    });
    await page.exposeFunction("reportViolation", (text) => page.faults.push(`policy: ${text}`));
    await page.addInitScript(() =>
      addEventListener("securitypolicyviolation", (event) =>
        window.reportViolation(`${event.violatedDirective} ${event.blockedURI} ${event.sample}`),
      ),
    );
    return page;
  }

  shot = (page, name, options = {}) =>
    page.screenshot({
      path: join(this.screenshots, `${name}.png`),
      animations: "disabled", // a bar on its way would look wrong
      ...options,
    });
}
