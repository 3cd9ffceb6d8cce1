// Does what a page shows: the commands of its console blocks, in one shell, against a jobbad with a Redis of its own.
// Each must print what the page says. A command goes on to the end of a here-document that it begins.
//
// usage: readme.mjs JOBBAD ROOT_OF_THE_SOURCES PAGE    PAGE: "README.md"

import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { expect, finish } from "./tap.mjs";

const [jobbad, root, name] = process.argv.slice(2);
const ADDRESS = "localhost:8080"; // what the page says
const SHELL_SECONDS = 100;

const isOpen = (command) => command.includes("<<'END'") && !command.endsWith("\nEND");

/** [{command, wanted}]: the lines that begin with "$ ", each with the lines up to the next. */
function steps(page) {
  const found = [];
  for (const [, block] of page.matchAll(/^```console\n(.*?)^```$/gms))
    for (const line of block.trimEnd().split("\n"))
      if (line.startsWith("$ ")) found.push({ command: line.slice(2), wanted: [] });
      else if (isOpen(found.at(-1).command)) found.at(-1).command += `\n${line}`;
      else found.at(-1).wanted.push(line);
  return found;
}

/** What differs from run to run. */
const settled = (text) =>
  text
    .replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z/g, "TIME")
    .replace(/^(failed .*%) +\d+s /m, "$1 AGE ")
    .replace(/^(stopped after )\d+( of)/m, "$1SOME$2")
    .trimEnd();

/** All commands in one shell, and what each of them printed. */
function runInOneShell(commands, dir) {
  const mark = (i) => `--- ${i} ---`;
  const script = commands.map((command, i) => `${command}\necho; echo '${mark(i)}'\n`).join("");
  const { stdout } = spawnSync("bash", ["-O", "expand_aliases"], {
    cwd: dir,
    input: `exec 2>&1\n${script}`,
    encoding: "utf8",
    timeout: SHELL_SECONDS * 1000,
  });
  let rest = stdout;
  return commands.map((_, i) => {
    const [printed, ...others] = rest.split(`${mark(i)}\n`);
    rest = others.join(`${mark(i)}\n`);
    return printed;
  });
}

const dir = mkdtempSync(join(tmpdir(), "jobbad-readme-"));
symlinkSync(join(root, "docs"), join(dir, "docs"));
const service = spawn(jobbad, ["--listen", "127.0.0.1:0", "--data-dir", join(dir, "data")], {
  stdio: ["ignore", "pipe", "ignore"],
});
const ended = new Promise((resolve) => service.on("exit", resolve));
try {
  const greeting = await new Promise((resolve) =>
    createInterface(service.stdout).once("line", resolve),
  );
  const address = greeting.split("//")[1];
  const page = readFileSync(join(root, name), "utf8");
  const all = steps(page);
  expect(`${name} has commands`, all.length ? [] : ["none"]);
  const printed = runInOneShell(
    all.map(({ command }) => command.replaceAll(ADDRESS, address)),
    dir,
  );
  all.forEach(({ command, wanted }, i) => {
    const [got, said] = [settled(printed[i]), settled(wanted.join("\n"))];
    expect(command.split("\n")[0].slice(0, 60), got === said ? [] : [`printed: ${got}`, `${name}: ${said}`]);
  });
} finally {
  service.kill("SIGTERM");
  await ended;
  rmSync(dir, { recursive: true, force: true });
}
finish();
