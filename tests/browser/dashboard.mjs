// The dashboard in Chromium.
//
// usage: node dashboard.mjs JOBBAD FOLDER_FOR_SCREENSHOTS

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { NO_ANSWER, run, withStage } from "./cases.mjs";
import { Browser, Service, until } from "./stage.mjs";

const [program, screenshots] = process.argv.slice(2);
const service = new Service(program);
const browser = new Browser(screenshots);
const PHONE = { width: 360, height: 740, isMobile: true, hasTouch: true, deviceScaleFactor: 2 };
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

// ---- looking ----

const row = (id) => `.row[data-id="${id}"]`;
const rowIds = (page) => page.$$eval(".row", (rows) => rows.map((element) => element.dataset.id));
const text = (page, selector) => page.locator(selector).innerText();
const progressOf = (page, scope) => page.locator(`${scope} [role=progressbar]`).getAttribute("aria-valuenow");
const isListed = (page, ids) =>
  until(`the list is ${ids}`, async () => JSON.stringify(await rowIds(page)) === JSON.stringify(ids));
const hasText = (page, selector, wanted) =>
  until(`${selector} says ${wanted}`, async () => (await page.locator(selector).first().innerText()).includes(wanted));

/** The page is still the one that was loaded: what it shows came by itself. */
async function mark(page) {
  await page.evaluate(() => (window.marked = true));
  return async () => assert.equal(await page.evaluate(() => window.marked), true, "the page was loaded again");
}

async function hasNoSideways(page, what) {
  const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  assert.ok(over <= 0, `${what} is ${over} px too wide`);
}

const many = async (n, make) => {
  for (let i = 0; i < n; i += 50)
    await Promise.all(Array.from({ length: Math.min(50, n - i) }, (_, j) => service.create(make(i + j))));
};

/** A few of each kind, as a small company might have them on a bad night. */
async function aBadNight() {
  await service.create({
    id: "ledger-7",
    job_name: "ExportLedger",
    job_args: { book: "gid://app/Book/7" },
    provider_job_id: 9000000007,
    data: { page: 9, rows: [1, 2, 3], dry: false, note: null },
  });
  await service.enter("ledger-7", "queued");
  await service.enter("ledger-7", "started");
  await service.enter("ledger-7", "failed", { error: "Timeout: execution expired after 300 s" });
  await service.enter("ledger-7", "started", { progress: 0.4 });
  await service.enter("ledger-7", "failed", { error: { message: "connection refused: db-2.internal:5432", class: "PG::ConnectionBad", backtrace: ["app/jobs/export.rb:41", "lib/db.rb:7"] } });
  await service.create({ id: "images-1", job_name: "ResizeImages", job_args: { album: "summer" } });
  await service.enter("images-1", "started", { progress: 0.63 });
  await service.create({ id: "images-2", job_name: "ResizeImages", state: "queued" });
  await service.create({ id: "report-1", job_name: "NightlyReport" });
  await service.enter("report-1", "started");
  await service.enter("report-1", "succeeded");
  await service.create({ id: "index-1", job_name: "RebuildIndex" });
  await service.enter("index-1", "started", { progress: 0.2 });
  await service.ask("POST", "/statuses/index-1/request_kill");
  await service.create({ id: "index-2", job_name: "RebuildIndex", state: "killed" });
  await service.create({ id: "odd-1", state: "unknown" });
}

// ---- cases ----

async function appears({ open }) {
  const page = await open();
  await hasText(page, ".state", "No jobs yet");
  await browser.shot(page, "empty");
  const unmarked = await mark(page);
  await service.create({ id: "first", job_name: "Import" });
  await page.waitForSelector(row("first"));
  assert.equal(await text(page, `${row("first")} .name`), "Import");
  await hasText(page, ".state-link[data-state=unqueued] .count", "1");
  await unmarked();
}

async function barMoves({ open }) {
  await service.create({ id: "bar", job_name: "Import", state: "started", progress: 0.1 });
  const list = await open();
  const one = await open("/#/status/bar");
  await list.waitForSelector(row("bar"));
  await one.waitForSelector(".detail-head:visible");
  const unmarked = [await mark(list), await mark(one)];
  for (const [progress, shown] of [[0.1, "10"], [0.55, "55"], [0.999, "99"]]) {
    await service.change("bar", { progress });
    await until(`the list's bar is at ${shown}`, async () => (await progressOf(list, row("bar"))) === shown);
    await until(`the status' bar is at ${shown}`, async () => (await progressOf(one, ".detail-head")) === shown);
  }
  await service.enter("bar", "succeeded");
  await hasText(list, `${row("bar")} .badge`, "succeeded");
  await hasText(one, ".detail-head .badge", "succeeded");
  for (const check of unmarked) await check();
}

async function filters({ open }) {
  await aBadNight();
  const page = await open();
  await page.waitForSelector(row("ledger-7"));
  await hasText(page, ".state-link[data-state=failed] .count", "1");
  await page.click(".state-link[data-state=failed]");
  await isListed(page, ["ledger-7"]);
  assert.equal(new URL(page.url()).hash, "#/?state=failed&sort=-failed_at");
  assert.match(await text(page, `${row("ledger-7")} .error`), /connection refused: db-2/);

  await page.click(".state-link[data-state=all]");
  await page.waitForSelector(row("odd-1"));
  await page.keyboard.press("/");
  await page.keyboard.type("ResizeImages");
  await page.keyboard.press("Enter");
  await isListed(page, ["images-2", "images-1"]);
  assert.equal(new URL(page.url()).hash, "#/?job_name=ResizeImages");
  await hasText(page, ".state-link[data-state=all] .count", "2");
  await page.reload();
  await isListed(page, ["images-2", "images-1"]);
  await page.click('.preset[data-value="-1h"]');
  await until("the time is in the URL", () => page.url().includes("recorded_after=-1h"));
  await isListed(page, ["images-2", "images-1"]);
  await page.click(".chip:has-text('job_name')");
  await until("a filter less", () => new URL(page.url()).hash === "#/?recorded_after=-1h");
  await page.goto(`${service.url}/#/?kill_requested=true`);
  await isListed(page, ["index-1"]);
  await page.goto(`${service.url}/#/?job_arg=summer&state=incomplete`);
  await isListed(page, ["images-1"]);
  await page.goto(`${service.url}/#/?provider_job_id=9000000007`);
  await isListed(page, ["ledger-7"]);
}

async function wrongFilter({ open }) {
  const page = await open("/#/?recorded_after=yesterday", { meant: /400 .*\/(statuses|statuses:count|events)\?/ });
  await page.waitForSelector(".state[data-kind=error]");
  assert.match(await text(page, ".state"), /recorded_after/);
  await browser.shot(page, "problem");
}

/** The oldest are none that a stream begins with. */
async function leavesAnotherOrder({ open }) {
  const ids = Array.from({ length: 30 }, (_, i) => `s${String(i).padStart(2, "0")}`);
  for (const id of ids) await service.create({ id, state: "started" });
  const page = await open("/#/?state=started&sort=id&limit=25");
  await isListed(page, ids.slice(0, 25));
  await service.enter("s00", "failed");
  await service.ask("DELETE", "/statuses/s02?force=true");
  await isListed(page, ids.filter((id) => id !== "s00" && id !== "s02").slice(0, 25));
}

/** What was recorded long ago and failed just now is what is looked for. */
async function theLastFailureIsFirst({ open }) {
  for (const id of ["old", "new"]) await service.create({ id, state: "started" });
  await service.enter("new", "failed", { error: "first" });
  await service.enter("old", "failed", { error: "second" });
  const page = await open();
  await isListed(page, ["new", "old"]);
  await page.click(".state-link[data-state=failed]");
  await isListed(page, ["old", "new"]);
  await page.click(".state-link[data-state=all]");
  await isListed(page, ["new", "old"]);
}

async function leavesTheFilter({ open }) {
  await service.create({ id: "going", state: "started" });
  await service.create({ id: "staying", state: "started" });
  const page = await open("/#/?state=started");
  await isListed(page, ["staying", "going"]);
  await service.enter("going", "failed");
  await isListed(page, ["staying"]);
  await service.ask("DELETE", "/statuses/staying?force=true");
  await hasText(page, ".state", "No status matches");
  await service.enter("going", "started");
  await isListed(page, ["going"]);
}

async function pages({ open }) {
  await many(2000, (i) => ({ id: `s${String(i).padStart(4, "0")}`, job_name: "Bulk", state: ["queued", "started"][i % 2] }));
  const page = await open("/#/?limit=25&sort=id");
  const ids = (from) => Array.from({ length: 25 }, (_, i) => `s${String(from + i).padStart(4, "0")}`);
  await isListed(page, ids(0));
  assert.equal(await page.locator(".pages button").isVisible(), false, "there is nothing before the first page");
  await page.click("text=Next");
  await isListed(page, ids(25));
  await page.click("text=Next");
  await isListed(page, ids(50));
  await page.click("text=← Back");
  await isListed(page, ids(25));
  await page.reload();
  await isListed(page, ids(25));
  await page.goBack();
  await isListed(page, ids(0));
  await page.goForward();
  await isListed(page, ids(25));
  await page.selectOption(".toolbar select >> nth=0", "-id");
  await isListed(page, ids(1975).reverse());
  assert.equal(new URL(page.url()).hash, "#/?limit=25&sort=-id");
  await page.goto(`${service.url}/#/`);
  await hasText(page, ".state-link[data-state=all] .count", "2,000");
  await until("a page of 50", async () => (await rowIds(page)).length === 50);
}

async function inFull({ open }) {
  const data = ".parts > div > .panel:has(> h2:text-is('Data')) .json";
  await aBadNight();
  await service.send("PUT", "/statuses/ledger-7/data", '{"big":12345678901234567890,"exact":1.00,"nested":{"list":[]}}');
  const page = await open("/#/status/ledger-7");
  await hasText(page, "h1", "ExportLedger");
  await hasText(page, ".error-text", "connection refused: db-2.internal:5432");
  await hasText(page, ".errors .json", "app/jobs/export.rb:41");
  await until("data with every digit", async () => (await text(page, data)).includes("12345678901234567890"));
  assert.match(await text(page, data), /"exact": 1\.00/);
  const { failed_at } = await service.ask("GET", "/statuses/ledger-7");
  const time = page.locator(`time[datetime="${failed_at}"]`);
  assert.ok((await time.getAttribute("title")).includes(failed_at), "UTC is in the title");
  const inBerlin = new Date(failed_at).toLocaleString("sv-SE", { timeZone: "Europe/Berlin" });
  assert.equal(await time.innerText(), inBerlin);
  assert.match(await text(page, '[data-fact="Ran for"]'), /\d+ ms|s$/);
  assert.match(await text(page, '[data-fact="Attempt"]'), /^1$/);
  await page.click("summary:has-text('Attempt 0')");
  await hasText(page, ".attempt .error-text", "execution expired after 300 s");
  await browser.shot(page, "status", { fullPage: true });
  await page.click(".pairs a");
  await isListed(page, ["ledger-7"]);
  assert.match(decodeURIComponent(page.url()), /job_arg\.book=gid:\/\/app\/Book\/7/);
}

async function unknownAndDeleted({ open }) {
  const page = await open("/#/status/nobody", { meant: /404 .*\/statuses\/nobody/ });
  await hasText(page, ".state", "There is no status with this id");
  await service.create({ id: "brief", state: "failed" });
  const other = await open("/#/status/brief", { meant: /404 .*\/statuses\/brief/ });
  await hasText(other, ".detail-head .badge", "failed");
  await service.ask("DELETE", "/statuses/brief");
  await hasText(other, ".state", "has been deleted");
}

async function kill({ open }) {
  await service.create({ id: "run", job_name: "Import", state: "started" });
  const page = await open("/#/status/run");
  await page.click("text=Request kill…");
  await hasText(page, "dialog .dialog-text", "is asked to end");
  await page.keyboard.press("Escape");
  assert.equal((await service.ask("GET", "/statuses/run")).kill_requested, false);
  await page.click("text=Request kill…");
  await page.click("dialog .danger");
  await page.waitForSelector(".detail-head .flag:visible");
  assert.equal((await service.ask("GET", "/statuses/run")).kill_requested, true);
}

async function deleteOne({ open }) {
  await service.create({ id: "over", job_name: "Import", state: "failed" });
  await service.create({ id: "running", job_name: "Import", state: "started" });
  const page = await open("/#/status/over", { meant: /404 .*\/statuses\/over/ });
  await page.click("text=Delete…");
  await page.click("dialog .danger:enabled");
  await hasText(page, ".state", "has been deleted");
  assert.equal(await service.exists("over"), false);

  const other = await open("/#/status/running", { meant: /404 .*\/statuses\/running/ });
  await other.click("text=Delete…");
  await hasText(other, "dialog .force", "neither succeeded nor failed");
  assert.equal(await other.isDisabled("dialog .danger"), true, "without the choice there is no delete");
  await browser.shot(other, "delete-force");
  await other.check("dialog .force input");
  await other.click("dialog .danger:enabled");
  await hasText(other, ".state", "has been deleted");
  assert.equal(await service.exists("running"), false);
}

async function deleteMatching({ open }) {
  await many(30, (i) => ({ id: `f${i}`, job_name: "Import", state: "failed" }));
  await service.create({ id: "keep", job_name: "Export", state: "failed" });
  const page = await open("/#/?job_name=Import", { meant: /409 .*\/statuses\?/ });
  await page.waitForSelector(".row");
  await page.click("text=Delete all…");
  await hasText(page, "dialog .dialog-text", "all 30 statuses that match the filter");
  await service.create({ id: "late", job_name: "Import", state: "failed" });
  await page.click("dialog .danger:enabled");
  await hasText(page, "dialog .dialog-problem", "Nothing was changed");
  await hasText(page, "dialog .dialog-text", "all 31 statuses");
  assert.equal(await service.exists("f0"), true, "nothing is deleted that was not counted");
  await page.click("dialog .danger:enabled");
  await hasText(page, "#toast", "31 statuses deleted");
  await hasText(page, ".state", "No status matches");
  assert.equal((await service.ask("GET", "/statuses:count")).count, 1);
  assert.equal(await service.exists("keep"), true);
}

async function forceDeleteMatching({ open }) {
  await service.create({ id: "a", job_name: "Import", state: "failed" });
  await service.create({ id: "b", job_name: "Import", state: "started" });
  const page = await open("/#/?job_name=Import", { meant: /409 .*\/statuses\?/ });
  await page.waitForSelector(".row");
  await page.click("text=Delete all…");
  await hasText(page, "dialog .dialog-text", "neither succeeded nor failed");
  assert.equal(await page.isDisabled("dialog .danger"), true);
  await page.check("dialog .force input");
  await browser.shot(page, "delete-all");
  await page.click("dialog .danger:enabled");
  await hasText(page, "#toast", "2 statuses deleted");
  assert.equal((await service.ask("GET", "/statuses:count")).count, 0);
}

async function killMatching({ open }) {
  await many(7, (i) => ({ id: `k${i}`, job_name: "Import", state: "started" }));
  await service.create({ id: "other", job_name: "Export", state: "started" });
  const page = await open("/#/?job_name=Import");
  await page.waitForSelector(".row");
  await page.click("text=Request kill of all…");
  await hasText(page, "dialog .danger", "Request 7 kills");
  await page.click("dialog .danger:enabled");
  await hasText(page, "#toast", "7 kills requested");
  await until("each row tells it", async () => (await page.locator(".row .flag:not(.quiet):visible").count()) === 7);
  assert.equal((await service.ask("GET", "/statuses:count?kill_requested=true")).count, 7);
}

async function comesBack({ open }) {
  await service.create({ id: "long", job_name: "Import", state: "started", progress: 0.2 });
  const list = await open("/", { meant: NO_ANSWER });
  const one = await open("/#/status/long", { meant: NO_ANSWER });
  await list.waitForSelector(row("long"));
  await one.waitForSelector(".detail-head:visible");
  const unmarked = [await mark(list), await mark(one)];
  await service.stopJobbad();
  for (const page of [list, one]) {
    await hasText(page, "#banner", "Connection lost");
    await hasText(page, "#connection", "Connection lost");
  }
  await browser.shot(list, "lost");
  await service.startJobbad();
  await service.change("long", { progress: 0.8 });
  await service.create({ id: "meanwhile", job_name: "Export" });
  await list.waitForSelector(row("meanwhile"));
  await until("the list has caught up", async () => (await progressOf(list, row("long"))) === "80");
  await until("the status has caught up", async () => (await progressOf(one, ".detail-head")) === "80");
  for (const page of [list, one]) await until("the banner is gone", async () => !(await page.isVisible("#banner")));
  await service.change("long", { progress: 0.9 });
  await until("and it goes on", async () => (await progressOf(list, row("long"))) === "90");
  for (const check of unmarked) await check();
}

async function redisAway({ open }) {
  await service.create({ id: "before", job_name: "Import" });
  const page = await open("/", { meant: /503 |net::ERR_INCOMPLETE_CHUNKED_ENCODING/ }); // a stream may be cut
  await page.waitForSelector(row("before"));
  await service.stopRedis();
  await hasText(page, "#banner", "last that was read");
  await page.waitForSelector(row("before")); // what is known stays in sight
  await service.startRedis();
  await service.create({ id: "after", job_name: "Import" });
  await isListed(page, ["after"]); // this Redis keeps nothing over a restart
  await until("the banner is gone", async () => !(await page.isVisible("#banner")));
}

const HOSTILE = `<img src=x onerror="alert(1)"><script>alert(2)</script>"'&{{7*7}}\u202e javascript:alert(3)`;

async function hostile({ open }) {
  await service.create({
    id: "bad", job_name: HOSTILE, job_args: { [HOSTILE]: HOSTILE, "__proto__": "x" }, provider_job_id: HOSTILE,
    data: { [HOSTILE]: [HOSTILE, { "</pre><script>alert(4)</script>": null }] },
  });
  await service.enter("bad", "failed", { error: { message: HOSTILE, [HOSTILE]: HOSTILE } });
  await service.ask("POST", "/statuses/bad/errors", HOSTILE);
  const page = await open("/#/?state=failed", { meant: /422 .*\/statuses\/%3Cimg/ });
  await page.waitForSelector(row("bad"));
  assert.equal(await page.locator(`${row("bad")} .name`).textContent(), HOSTILE);
  assert.equal(await page.locator(`${row("bad")} .error`).textContent(), HOSTILE);
  await page.click(`${row("bad")} a`);
  await page.waitForSelector(".errors .json");
  assert.equal(await page.locator("h1").textContent(), HOSTILE);
  await browser.shot(page, "hostile");
  const hrefs = await page.$$eval("a", (links) => links.map((link) => link.href));
  assert.deepEqual(hrefs.filter((href) => !/^http:\/\/127\.0\.0\.1:/.test(href)), []);
  await page.click("text=Delete…");
  await hasText(page, "dialog .dialog-text", "<script>alert(2)</script>");
  assert.doesNotMatch(await page.locator(".errors .json").textContent(), /\u202e/, "JSON shows what can't be seen");
  await page.keyboard.press("Escape");
  await page.click(".pairs a >> nth=0");
  await page.waitForSelector(".chip");
  await page.goto(`${service.url}/#/?job_name=${encodeURIComponent(HOSTILE)}`);
  await isListed(page, ["bad"]);
  await page.goto(`${service.url}/#/status/${encodeURIComponent("<img src=x onerror=alert(5)>")}`);
  await hasText(page, ".state", "not valid");
  assert.equal(await page.locator("img, iframe, object, main script").count(), 0);
}

async function keyboardOnly({ open }) {
  for (const id of ["one", "two", "three"]) await service.create({ id, job_name: "Import", state: "failed" });
  const page = await open();
  const focused = () => page.evaluate(() => document.activeElement.closest(".row")?.dataset.id);
  await isListed(page, ["three", "two", "one"]);
  await page.keyboard.press("j");
  assert.equal(await focused(), "three");
  await page.keyboard.press("j");
  await page.keyboard.press("j");
  assert.equal(await focused(), "one");
  await page.keyboard.press("k");
  assert.equal(await focused(), "two");
  await page.keyboard.press("Enter");
  await until("the status is open", () => page.url().endsWith("#/status/two"));
  await page.waitForSelector(".detail-head:visible");
  await page.keyboard.press("Escape");
  await until("back on the same line", async () => (await focused()) === "two");
  await page.keyboard.press("?");
  await page.waitForSelector("dialog.help[open]");
  await browser.shot(page, "help");
  await page.keyboard.press("Escape");
  await until("the help is gone", async () => (await page.locator("dialog").count()) === 0);

  await page.keyboard.press("/");
  assert.equal(await page.evaluate(() => document.activeElement.name), "job_name");
  await page.keyboard.type("jk?");
  assert.equal(await page.inputValue("input[name=job_name]"), "jk?", "keys are letters while one types");
  await page.keyboard.press("Escape");

  await page.goto(`${service.url}/#/status/one`);
  await page.waitForSelector(".detail-head:visible");
  const reached = new Set();
  for (let i = 0; i < 40; i++) {
    await page.keyboard.press("Tab");
    reached.add(await page.evaluate(() => {
      const element = document.activeElement;
      const style = getComputedStyle(element);
      const visible = element.matches(":focus-visible") && style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
      return `${element.textContent.trim().slice(0, 20)}${visible || element === document.body ? "" : " WITHOUT FOCUS RING"}`;
    }));
  }
  for (const wanted of ["Request kill…", "Delete…", "JSON", "← All statuses", "Pause", "?", "jobbad"])
    assert.ok(reached.has(wanted), `Tab reaches ${wanted}, of ${[...reached]}`);
  assert.deepEqual([...reached].filter((name) => name.includes("WITHOUT")), []);
}

async function phone({ open }) {
  await aBadNight();
  await service.create({ id: "x".repeat(128), job_name: "W".repeat(300), job_args: { ["k".repeat(100)]: "v".repeat(400) }, data: { ["d".repeat(200)]: "e".repeat(500) } });
  await service.enter("x".repeat(128), "failed", { error: "E".repeat(1000) });
  const page = await open("/", PHONE);
  await page.waitForSelector(row("ledger-7"));
  await hasNoSideways(page, "the list");
  await browser.shot(page, "phone-list");
  await page.tap("text=More filters");
  await hasNoSideways(page, "the filter");
  await page.goto(`${service.url}/#/status/ledger-7`);
  await page.waitForSelector(".parts .panel");
  await hasNoSideways(page, "a status");
  await browser.shot(page, "phone-status", { fullPage: true });
  await page.tap("text=Delete…");
  await page.waitForSelector("dialog .danger:enabled");
  await hasNoSideways(page, "a dialog");
  await page.tap("text=Cancel");
  await page.goto(`${service.url}/#/status/${"x".repeat(128)}`);
  await hasText(page, "h1", "WWW");
  await hasNoSideways(page, "a status with long words");
  const small = await page.$$eval("main button, main .button", (buttons) =>
    buttons.filter((button) => button.offsetParent && button.offsetHeight < 32).map((button) => button.textContent),
  );
  assert.deepEqual(small, [], "buttons that a finger can hit");
}

async function axeFaults(page, what) {
  await page.evaluate(axe); // by the driver, which no policy of the page keeps out
  const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
  return violations.flatMap(({ id, help, nodes }) => nodes.map(({ target, failureSummary }) => `${what}: ${id}: ${help}: ${target}: ${failureSummary}`));
}

async function accessible({ open }, colorScheme) {
  await aBadNight();
  const page = await open("/", { colorScheme, reducedMotion: "reduce" });
  const faults = [];
  const check = async (what, shot = true) => {
    if (shot) await browser.shot(page, `${colorScheme}-${what}`);
    faults.push(...(await axeFaults(page, what)));
  };
  await page.waitForSelector(row("ledger-7"));
  await hasText(page, ".state-link[data-state=all] .count", "7");
  await check("list");
  await page.click(".more > summary");
  await page.click(".state-link[data-state=failed]");
  await isListed(page, ["ledger-7"]);
  await check("filter");
  await page.click("text=Delete all…");
  await page.waitForSelector("dialog .danger:enabled");
  await check("dialog");
  await page.keyboard.press("Escape");
  await page.keyboard.press("?");
  await page.waitForSelector("dialog.help");
  await check("help", false);
  await page.keyboard.press("Escape");
  await page.click(`${row("ledger-7")} a`);
  await page.waitForSelector(".attempt");
  await page.click("summary:has-text('Attempt 0')");
  await check("status");
  await page.goto(`${service.url}/#/?state=failed&job_name=nobody`);
  await page.waitForSelector(".state[data-kind=empty]");
  await check("nothing", false);
  assert.deepEqual(faults, []);
}

async function policy({ open }) {
  const files = readdirSync(new URL("../../dashboard/", import.meta.url)).filter((name) => name !== "index.html");
  for (const path of ["/", "/progress.js", ...files.map((name) => `/dashboard/${name}`)]) {
    const response = await fetch(service.url + path);
    assert.equal(response.status, 200, path);
    assert.match(response.headers.get("content-security-policy"), /^default-src 'none'; script-src 'self'; style-src 'self'; /, path);
    assert.doesNotMatch(response.headers.get("content-security-policy"), /unsafe|\*/, path);
  }
  const unsafe = /innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function|setAttribute\("(style|on)/;
  for (const name of files)
    assert.doesNotMatch(readFileSync(new URL(`../../dashboard/${name}`, import.meta.url), "utf8"), unsafe, name);
  const page = await open("/", { meant: /script-src|inline script/ });
  await page.waitForSelector(".counts");
  assert.equal(await page.locator("script:not([src]), style, [style], [onclick]").count(), await page.locator(".fill").count());
  await page.evaluate(() => {
    const script = document.createElement("script");
    script.textContent = "window.got = true";
    document.body.append(script);
  });
  await until("the policy is told of an inline script", () => page.faults.some((fault) => fault.startsWith("policy: script-src")));
  assert.equal(await page.evaluate(() => window.got), undefined);
}

async function theme({ open }) {
  const page = await open("/", { colorScheme: "light" });
  const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const light = await ground();
  await page.click("#theme");
  await page.click("#theme");
  assert.equal(await text(page, "#theme"), "Dark");
  const dark = await ground();
  assert.notEqual(dark, light);
  await page.reload();
  assert.equal(await ground(), dark, "the choice is kept");
  await page.click("#theme");
  assert.equal(await text(page, "#theme"), "Auto");
  assert.equal(await ground(), light);
}

async function pause({ open }) {
  await service.create({ id: "a", state: "started", progress: 0.1 });
  const page = await open();
  await page.waitForSelector(row("a"));
  await page.keyboard.press("p");
  await hasText(page, "#connection", "Paused");
  await service.create({ id: "b" });
  const other = await open(); // by the time that this one knows, the first would too
  await other.waitForSelector(row("b"));
  assert.deepEqual(await rowIds(page), ["a"]);
  await page.keyboard.press("p");
  await isListed(page, ["b", "a"]);
}

await withStage([service, browser], () =>
  run({ service, browser }, [
    ["a status that is created appears", appears],
    ["a bar moves as the job does", barMoves],
    ["filters live in the URL", filters],
    ["a filter that is wrong is told in words", wrongFilter],
    ["a status that no longer matches leaves the list, and one that does enters it", leavesTheFilter],
    ["so it is in another order", leavesAnotherOrder],
    ["of what has failed, the last failure is first", theLastFailureIsFirst],
    ["thousands are sorted and paged, and back works through history", pages],
    ["one status is shown in full", inFull],
    ["an unknown and a deleted status are told", unknownAndDeleted],
    ["a kill is requested after a question", kill],
    ["one status is deleted, by force only after an explicit choice", deleteOne],
    ["all that match are deleted, and no more than were counted", deleteMatching],
    ["all that match are deleted by force only after an explicit choice", forceDeleteMatching],
    ["kills of all that match are requested", killMatching],
    ["a lost connection is told, and made up for", comesBack],
    ["trouble of Redis is told in words, and made up for", redisAway],
    ["hostile strings are inert", hostile],
    ["the keyboard does it all", keyboardOnly],
    ["nothing is too wide for a phone", phone],
    ["it is accessible in light colours", (stage) => accessible(stage, "light")],
    ["it is accessible in dark colours", (stage) => accessible(stage, "dark")],
    ["the policy is strict, and holds", policy],
    ["light and dark are kept", theme],
    ["a pause holds the page still", pause],
  ]),
);
