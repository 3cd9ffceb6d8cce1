// Runs cases in the browser, one after the other: each begins with no statuses, and fails of whatever it throws and of
// whatever its pages report: an error in the console, an exception, a violation of the policy.

import { expect, finish } from "../contract/tap.mjs";

/** Chromium itself tells of each 4xx and of each request without an answer: `meant` are those that belong to the case. */
export const NO_ANSWER = /^console: Failed to load resource: net::ERR_/;

/** cases: [[name, work({ open, ...stage })], ...]; open(path, { meant: /.../, origin, ... }) opens a page */
export async function run(stage, cases) {
  const { service, browser } = stage;
  for (const [name, work] of cases) {
    const pages = [];
    const open = async (path = "/", { meant, origin = service.url, ...options } = {}) => {
      const page = await browser.open(options);
      pages.push({ page, meant });
      await page.goto(new URL(path, origin).href);
      return page;
    };
    const faults = [];
    try {
      await service.empty();
      await work({ ...stage, open });
    } catch (error) {
      faults.push(error.stack);
      await Promise.all(
        pages.map(({ page }, i) => browser.shot(page, `fault-${name.replaceAll(/\W+/g, "-")}-${i}`)),
      );
    }
    faults.push(
      ...pages.flatMap(({ page, meant }) =>
        page.faults.filter((fault) => !meant?.test(fault)),
      ),
    );
    await Promise.all(pages.map(({ page }) => page.context().close()));
    expect(name, faults);
  }
}

/** Starts what is to be started, runs, and stops it whatever happens. */
export async function withStage(parts, work) {
  const started = [];
  try {
    for (const part of parts) {
      started.unshift(part);
      await part.start();
    }
    await work();
  } finally {
    for (const part of started) await part.stop();
  }
  finish();
}
