// What the dashboard shows, in Chromium: live, filtered, in order, and when something is lost.
//
// usage: node watch.mjs JOBBAD FOLDER_FOR_SCREENSHOTS

import assert from "node:assert/strict";
import { NO_ANSWER, run, withStage } from "./cases.mjs";
import { row, rowIds, text, progressOf, isListed, hasText, mark, many, aBadNight } from "./looking.mjs";
import { Browser, Service, until } from "./stage.mjs";

const [program, screenshots] = process.argv.slice(2);
const service = new Service(program);
const browser = new Browser(screenshots);

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
  for (const [progress, shown] of [
    [0.1, "10"],
    [0.55, "55"],
    [0.999, "99"],
  ]) {
    await service.change("bar", { progress });
    await until(`the list's bar is at ${shown}`, async () => (await progressOf(list, row("bar"))) === shown);
    await until(
      `the status' bar is at ${shown}`,
      async () => (await progressOf(one, ".detail-head")) === shown,
    );
  }
  await service.enter("bar", "succeeded");
  await hasText(list, `${row("bar")} .badge`, "succeeded");
  await hasText(one, ".detail-head .badge", "succeeded");
  for (const check of unmarked) await check();
}

async function filters({ open }) {
  await aBadNight(service);
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
  const page = await open("/#/?recorded_after=yesterday", {
    meant: /400 .*\/(statuses|statuses:count|events)\?/,
  });
  await page.waitForSelector(".state[data-kind=error]");
  assert.match(await text(page, ".state"), /recorded_after/);
  await browser.shot(page, "problem");
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

async function pages({ open }) {
  await many(service, 2000, (i) => ({
    id: `s${String(i).padStart(4, "0")}`,
    job_name: "Bulk",
    state: ["queued", "started"][i % 2],
  }));
  const page = await open("/#/?limit=25&sort=id");
  const ids = (from) => Array.from({ length: 25 }, (_, i) => `s${String(from + i).padStart(4, "0")}`);
  await isListed(page, ids(0));
  assert.equal(
    await page.locator(".pages button").isVisible(),
    false,
    "there is nothing before the first page",
  );
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
  await aBadNight(service);
  await service.send(
    "PUT",
    "/statuses/ledger-7/data",
    '{"big":12345678901234567890,"exact":1.00,"nested":{"list":[]}}',
  );
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
  for (const page of [list, one])
    await until("the banner is gone", async () => !(await page.isVisible("#banner")));
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
    ["a lost connection is told, and made up for", comesBack],
    ["trouble of Redis is told in words, and made up for", redisAway],
    ["a pause holds the page still", pause],
  ]),
);
