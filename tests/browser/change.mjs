// What the dashboard changes, in Chromium: kills and deletes, of one and of many.
//
// usage: node change.mjs JOBBAD FOLDER_FOR_SCREENSHOTS

import assert from "node:assert/strict";
import { run, withStage } from "./cases.mjs";
import { hasText, many } from "./looking.mjs";
import { Browser, Service, until } from "./stage.mjs";

const [program, screenshots] = process.argv.slice(2);
const service = new Service(program);
const browser = new Browser(screenshots);

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
  await many(service, 30, (i) => ({ id: `f${i}`, job_name: "Import", state: "failed" }));
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
  await many(service, 7, (i) => ({ id: `k${i}`, job_name: "Import", state: "started" }));
  await service.create({ id: "other", job_name: "Export", state: "started" });
  const page = await open("/#/?job_name=Import");
  await page.waitForSelector(".row");
  await page.click("text=Request kill of all…");
  await hasText(page, "dialog .danger", "Request 7 kills");
  await page.click("dialog .danger:enabled");
  await hasText(page, "#toast", "7 kills requested");
  await until(
    "each row tells it",
    async () => (await page.locator(".row .flag:not(.quiet):visible").count()) === 7,
  );
  assert.equal((await service.ask("GET", "/statuses:count?kill_requested=true")).count, 7);
}

await withStage([service, browser], () =>
  run({ service, browser }, [
    ["a kill is requested after a question", kill],
    ["one status is deleted, by force only after an explicit choice", deleteOne],
    ["all that match are deleted, and no more than were counted", deleteMatching],
    ["all that match are deleted by force only after an explicit choice", forceDeleteMatching],
    ["kills of all that match are requested", killMatching],
  ]),
);
