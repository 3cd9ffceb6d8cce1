// docs/settings.md is what the program says of its settings.
//
// usage: node settings.mjs JOBBAD ROOT_OF_THE_SOURCES

import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, finish } from "./tap.mjs";

const [jobbad, root] = process.argv.slice(2);

const said = execFileSync(jobbad, ["--help=markdown"], { encoding: "utf8" }).split("\n");
const written = readFileSync(join(root, "docs", "settings.md"), "utf8").split("\n");

const differences = Array.from({ length: Math.max(said.length, written.length) }, (_, i) => i)
  .filter((i) => said[i] !== written[i])
  .map((i) => `line ${i + 1}: '${written[i]}' instead of '${said[i]}'`);

expect("there are settings", said.some((line) => line.includes("--listen")) ? [] : ["none"]);
expect("docs/settings.md is jobbad --help=markdown", differences);
finish();
