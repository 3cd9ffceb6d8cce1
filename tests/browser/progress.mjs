// The progress bar for other people's pages, in Chromium: on a page of another origin, and on one of the service's own.
//
// usage: node progress.mjs JOBBAD FOLDER_FOR_SCREENSHOTS

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { NO_ANSWER, run, withStage } from "./cases.mjs";
import { Browser, HostPage, Service, until } from "./stage.mjs";

const [program, screenshots] = process.argv.slice(2);
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const host = new HostPage();
const stranger = new HostPage();
const service = new Service(program, () => ["--allowed-origins", host.url]);
const browser = new Browser(screenshots);

// ---- the page of somebody else, with a strict policy of its own ----

const policy = () =>
  `default-src 'none'; script-src ${service.url}; connect-src ${service.url}; style-src 'nonce-host'`;

function pageWith(elements, { script = `${service.url}/progress.js`, csp = policy() } = {}) {
  const html = `<!doctype html><html lang="en"><meta charset="utf-8"><title>host</title>
    <style nonce="host">
      body { font: 16px sans-serif; margin: 2rem; max-width: 30rem; }
      jobbad-progress { margin: 1rem 0; }
      .styled { --jobbad-height: 20px; --jobbad-fill: rgb(1, 2, 3); }
      .styled::part(text) { color: rgb(4, 5, 6); }
    </style>
    <main><h1>A shop</h1>${elements}</main><script src="${script}" async></script></html>`;
  return { html, headers: { "Content-Security-Policy": csp } };
}

const show = (elements, options) => Object.assign(host, { page: pageWith(elements, options) });

const element = (id) => `jobbad-progress[status="${id}"]`;
const textOf = (page, selector) => page.locator(`${selector} [part=text]`).innerText();
const hasText = (page, selector, wanted) =>
  until(`${selector} says ${wanted}`, async () => (await textOf(page, selector)) === wanted);
const valueOf = (page, selector) =>
  page.locator(`${selector} [role=progressbar]`).getAttribute("aria-valuenow");

/** How much of the bar is seen to be done. */
const filledShare = (page, selector) =>
  page.$eval(selector, (bar) => {
    const [track, fill] = ["track", "fill"].map((name) =>
      bar.shadowRoot.querySelector(`[part=${name}]`).getBoundingClientRect(),
    );
    return (fill.right - track.left) / track.width;
  });

/** Streams and questions that the page has open or has asked. */
function watchRequests(page) {
  const asked = [];
  page.on("request", (request) => asked.push(request.url().replace(service.url, "")));
  return asked;
}

// ---- cases ----

async function follows({ open }) {
  await service.create({ id: "job", state: "started", progress: 0.25 });
  show(`<jobbad-progress status="job" label="Export"></jobbad-progress>`);
  const page = await open("/", { origin: host.url });
  await hasText(page, element("job"), "running · 25%");
  const bar = page.locator(`${element("job")} [role=progressbar]`);
  assert.equal(await bar.getAttribute("aria-label"), "Export");
  assert.equal(await bar.getAttribute("aria-valuetext"), "running, 25%");
  await service.change("job", { progress: 0.7 });
  await until("the bar is at 70", async () => (await valueOf(page, element("job"))) === "70");
  await service.ask("POST", "/statuses/job/request_kill");
  await hasText(page, element("job"), "running, kill requested · 70%");
  await service.enter("job", "killed");
  await hasText(page, element("job"), "killed · 70%");
  assert.equal(await page.getAttribute(element("job"), "state"), "killed");
}

async function everyEnd({ open }) {
  for (const id of ["good", "bad", "waiting", "odd"]) await service.create({ id });
  show(
    ["good", "bad", "waiting", "odd"]
      .map((id) => `<jobbad-progress status="${id}" label="${id}"></jobbad-progress>`)
      .join(""),
  );
  const page = await open("/", { origin: host.url, reducedMotion: "reduce" });
  await hasText(page, element("good"), "not queued · 0%");
  await service.enter("waiting", "queued");
  await service.enter("odd", "unknown");
  await service.enter("good", "succeeded");
  await service.enter("bad", "failed", { progress: 0.5, error: "boom" });
  await hasText(page, element("waiting"), "queued · 0%");
  await hasText(page, element("odd"), "state unknown · 0%");
  await hasText(page, element("good"), "succeeded · 100%");
  await hasText(page, element("bad"), "failed · 50%");
  const shares = { good: 1, bad: 0.5, waiting: 0, odd: 0 };
  for (const [id, share] of Object.entries(shares))
    assert.equal(await filledShare(page, element(id)), share, id);
  await browser.shot(page, "progress");
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => window.axe.run(document));
  assert.deepEqual(
    violations.map(({ id, nodes }) => `${id} ${nodes.map(({ target }) => target)}`),
    [],
  );
}

async function unknownId({ open }) {
  show(`<jobbad-progress status="later"></jobbad-progress><jobbad-progress></jobbad-progress>`);
  const page = await open("/", { origin: host.url, meant: /404 .*\/statuses\/later/ });
  await hasText(page, element("later"), "no such job");
  await hasText(page, "jobbad-progress:not([status])", "no job given");
  await service.create({ id: "other", state: "started", progress: 0.5 });
  await page.evaluate(() => document.querySelector("jobbad-progress").setAttribute("status", "other"));
  await hasText(page, element("other"), "running · 50%");
}

/** At the end nothing is asked any more; only a new attribute begins anew. */
async function staysSilentAtTheEnd({ open }) {
  await service.create({ id: "job", state: "started" });
  show(`<jobbad-progress status="job"></jobbad-progress>`);
  const page = await open("/", { origin: host.url });
  await hasText(page, element("job"), "running · 0%");
  await service.enter("job", "succeeded");
  await hasText(page, element("job"), "succeeded · 100%");
  const asked = watchRequests(page);
  await service.create({ id: "next", state: "started", progress: 0.3 });
  await page.evaluate(() => document.querySelector("jobbad-progress").setAttribute("status", "next"));
  await hasText(page, element("next"), "running · 30%");
  assert.deepEqual(
    asked.filter((url) => url.includes("/job")),
    [],
  );
  await page.evaluate(() => document.querySelector("jobbad-progress").remove());
}

/** A browser has six connections for each origin: thirty bars must not need thirty. */
async function manyShareAStream({ open }) {
  const ids = Array.from({ length: 30 }, (_, i) => `m${i}`);
  for (const id of ids) await service.create({ id, state: "started", progress: 0.5 });
  show(ids.map((id) => `<jobbad-progress status="${id}"></jobbad-progress>`).join(""));
  const page = await open("/", { origin: host.url });
  for (const id of ids) await hasText(page, element(id), "running · 50%");
  await Promise.all(ids.map((id) => service.enter(id, "succeeded")));
  for (const id of ids) await hasText(page, element(id), "succeeded · 100%");
}

async function comesBack({ open }) {
  await service.create({ id: "job", state: "started", progress: 0.2 });
  show(`<jobbad-progress status="job"></jobbad-progress>`);
  const page = await open("/", { origin: host.url, meant: NO_ANSWER });
  await hasText(page, element("job"), "running · 20%");
  await service.stopJobbad();
  await hasText(page, element("job"), "connection lost · 20%");
  await service.startJobbad();
  await service.change("job", { progress: 0.6 });
  await hasText(page, element("job"), "running · 60%");
}

async function styledFromOutside({ open }) {
  await service.create({ id: "job", state: "started", progress: 0.5 });
  show(`<jobbad-progress status="job" class="styled"></jobbad-progress>`);
  const page = await open("/", { origin: host.url });
  await hasText(page, element("job"), "running · 50%");
  const found = await page.evaluate(() => {
    const part = (name) =>
      getComputedStyle(document.querySelector("jobbad-progress").shadowRoot.querySelector(`[part=${name}]`));
    return [part("track").height, part("fill").backgroundColor, part("text").color];
  });
  assert.deepEqual(found, ["20px", "rgb(1, 2, 3)", "rgb(4, 5, 6)"]);
}

/** A page whose origin is not allowed reads nothing: the browser keeps it out, and tells so in the console. */
async function strangersReadNothing({ open }) {
  await service.create({ id: "job", state: "started", progress: 0.5 });
  stranger.page = pageWith(`<jobbad-progress status="job"></jobbad-progress>`);
  const page = await open("/", { origin: stranger.url, meant: /blocked by CORS policy|net::ERR_FAILED/ });
  await until("the browser has kept it out", () => page.faults.some((fault) => /CORS/.test(fault)));
  await hasText(page, element("job"), "connection lost");
}

/** Behind a proxy that serves both, pages and service have one origin: no setting is needed. */
async function sameOrigin({ open }) {
  await service.create({ id: "job", state: "started", progress: 0.4 });
  stranger.page = pageWith(`<jobbad-progress status="job" src="/"></jobbad-progress>`, {
    script: "/progress.js",
    csp: "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'nonce-host'",
  });
  stranger.proxied = service;
  const page = await open("/", { origin: stranger.url });
  await hasText(page, element("job"), "running · 40%");
  await service.change("job", { progress: 0.9 });
  await hasText(page, element("job"), "running · 90%");
}

async function demo({ open }) {
  await service.create({ id: "demo", state: "started", progress: 0.35 });
  const html = readFileSync(new URL("../../docs/progress-demo.html", import.meta.url), "utf8");
  host.page = { html: html.replaceAll("http://127.0.0.1:8080", service.url), headers: {} };
  const page = await open("/", { origin: host.url, meant: /404 .*\/statuses\/nobody/ });
  await until(
    "all bars of the demo",
    async () => (await page.locator('jobbad-progress[state="started"]').count()) === 4,
  );
  await hasText(page, element("nobody"), "no such job");
  await browser.shot(page, "progress-demo");
}

await withStage([host, stranger, service, browser], () =>
  run({ service, browser }, [
    ["a bar follows its job, on a page of another origin with a policy of its own", follows],
    ["every state is told, in words too", everyEnd],
    ["an id that is not known is told, and another can take its place", unknownId],
    ["at the end nothing is asked any more", staysSilentAtTheEnd],
    ["thirty bars share a stream", manyShareAStream],
    ["a lost connection is told, and made up for", comesBack],
    ["a page gives it another look", styledFromOutside],
    ["a page of an origin that is not allowed reads nothing", strangersReadNothing],
    ["on a page of the service's own origin no setting is needed", sameOrigin],
    ["the demo works", demo],
  ]),
);
