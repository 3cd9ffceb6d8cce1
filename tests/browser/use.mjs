// Who can use the dashboard, in Chromium, and who can't misuse it: keyboard, phone, accessibility, hostile strings, policy.
//
// usage: node use.mjs JOBBAD FOLDER_FOR_SCREENSHOTS

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { run, withStage } from "./cases.mjs";
import { row, text, isListed, hasText, hasNoSideways, aBadNight } from "./looking.mjs";
import { Browser, Service, until } from "./stage.mjs";

const [program, screenshots] = process.argv.slice(2);
const service = new Service(program);
const browser = new Browser(screenshots);
const PHONE = { width: 360, height: 740, isMobile: true, hasTouch: true, deviceScaleFactor: 2 };
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

const HOSTILE = `<img src=x onerror="alert(1)"><script>alert(2)</script>"'&{{7*7}}\u202e javascript:alert(3)`;

async function hostile({ open }) {
  await service.create({
    id: "bad",
    job_name: HOSTILE,
    job_args: { [HOSTILE]: HOSTILE, __proto__: "x" },
    provider_job_id: HOSTILE,
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
  assert.deepEqual(
    hrefs.filter((href) => !/^http:\/\/127\.0\.0\.1:/.test(href)),
    [],
  );
  await page.click("text=Delete…");
  await hasText(page, "dialog .dialog-text", "<script>alert(2)</script>");
  assert.doesNotMatch(
    await page.locator(".errors .json").textContent(),
    /\u202e/,
    "JSON shows what can't be seen",
  );
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
    reached.add(
      await page.evaluate(() => {
        const element = document.activeElement;
        const style = getComputedStyle(element);
        const visible =
          element.matches(":focus-visible") &&
          style.outlineStyle !== "none" &&
          parseFloat(style.outlineWidth) >= 2;
        return `${element.textContent.trim().slice(0, 20)}${visible || element === document.body ? "" : " WITHOUT FOCUS RING"}`;
      }),
    );
  }
  for (const wanted of ["Request kill…", "Delete…", "JSON", "← All statuses", "Pause", "?", "jobbad"])
    assert.ok(reached.has(wanted), `Tab reaches ${wanted}, of ${[...reached]}`);
  assert.deepEqual(
    [...reached].filter((name) => name.includes("WITHOUT")),
    [],
  );
}

async function phone({ open }) {
  await aBadNight(service);
  await service.create({
    id: "x".repeat(128),
    job_name: "W".repeat(300),
    job_args: { ["k".repeat(100)]: "v".repeat(400) },
    data: { ["d".repeat(200)]: "e".repeat(500) },
  });
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
    buttons
      .filter((button) => button.offsetParent && button.offsetHeight < 32)
      .map((button) => button.textContent),
  );
  assert.deepEqual(small, [], "buttons that a finger can hit");
}

async function axeFaults(page, what) {
  await page.evaluate(axe); // by the driver, which no policy of the page keeps out
  const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
  return violations.flatMap(({ id, help, nodes }) =>
    nodes.map(({ target, failureSummary }) => `${what}: ${id}: ${help}: ${target}: ${failureSummary}`),
  );
}

async function accessible({ open }, colorScheme) {
  await aBadNight(service);
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
  const files = readdirSync(new URL("../../dashboard/", import.meta.url)).filter(
    (name) => name !== "index.html",
  );
  for (const path of ["/", "/progress.js", ...files.map((name) => `/dashboard/${name}`)]) {
    const response = await fetch(service.url + path);
    assert.equal(response.status, 200, path);
    assert.match(
      response.headers.get("content-security-policy"),
      /^default-src 'none'; script-src 'self'; style-src 'self'; /,
      path,
    );
    assert.doesNotMatch(response.headers.get("content-security-policy"), /unsafe|\*/, path);
  }
  const unsafe =
    /innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function|setAttribute\("(style|on)/;
  for (const name of files)
    assert.doesNotMatch(
      readFileSync(new URL(`../../dashboard/${name}`, import.meta.url), "utf8"),
      unsafe,
      name,
    );
  const page = await open("/", { meant: /script-src|inline script/ });
  await page.waitForSelector(".counts");
  assert.equal(
    await page.locator("script:not([src]), style, [style], [onclick]").count(),
    await page.locator(".fill").count(),
  );
  await page.evaluate(() => {
    const script = document.createElement("script");
    script.textContent = "window.got = true";
    document.body.append(script);
  });
  await until("the policy is told of an inline script", () =>
    page.faults.some((fault) => fault.startsWith("policy: script-src")),
  );
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

await withStage([service, browser], () =>
  run({ service, browser }, [
    ["hostile strings are inert", hostile],
    ["the keyboard does it all", keyboardOnly],
    ["nothing is too wide for a phone", phone],
    ["it is accessible in light colours", (stage) => accessible(stage, "light")],
    ["it is accessible in dark colours", (stage) => accessible(stage, "dark")],
    ["the policy is strict, and holds", policy],
    ["light and dark are kept", theme],
  ]),
);
