// What the cases of the dashboard look at, and a few statuses to look at.

import assert from "node:assert/strict";
import { until } from "./stage.mjs";

export const row = (id) => `.row[data-id="${id}"]`;
export const rowIds = (page) => page.$$eval(".row", (rows) => rows.map((element) => element.dataset.id));
export const text = (page, selector) => page.locator(selector).innerText();
export const progressOf = (page, scope) =>
  page.locator(`${scope} [role=progressbar]`).getAttribute("aria-valuenow");
export const isListed = (page, ids) =>
  until(`the list is ${ids}`, async () => JSON.stringify(await rowIds(page)) === JSON.stringify(ids));
export const hasText = (page, selector, wanted) =>
  until(`${selector} says ${wanted}`, async () =>
    (await page.locator(selector).first().innerText()).includes(wanted),
  );

/** The page is still the one that was loaded: what it shows came by itself. */
export async function mark(page) {
  await page.evaluate(() => (window.marked = true));
  return async () =>
    assert.equal(await page.evaluate(() => window.marked), true, "the page was loaded again");
}

export async function hasNoSideways(page, what) {
  const over = await page.evaluate(
    () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
  );
  assert.ok(over <= 0, `${what} is ${over} px too wide`);
}

export const many = async (service, n, make) => {
  for (let i = 0; i < n; i += 50)
    await Promise.all(Array.from({ length: Math.min(50, n - i) }, (_, j) => service.create(make(i + j))));
};

/** A few of each kind, as a small company might have them on a bad night. */
export async function aBadNight(service) {
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
  await service.enter("ledger-7", "failed", {
    error: {
      message: "connection refused: db-2.internal:5432",
      class: "PG::ConnectionBad",
      backtrace: ["app/jobs/export.rb:41", "lib/db.rb:7"],
    },
  });
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
