// Every answer that the service tests got keeps to openapi.yaml, and they got every answer that it
// documents.
//
// usage: node answers.mjs DIRECTORY
//
// The directory, or JOBBAD_RECORD_DIR, has the recordings of the service tests: *.ndjson, a record a
// line, as exchange.mjs tells.

import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { missingAnswers, missingProblems } from "./coverage.mjs";
import { faultsOfExchange, understand } from "./exchange.mjs";
import { expect, finish } from "./tap.mjs";

const directory = process.env.JOBBAD_RECORD_DIR || process.argv[2];
const seenAnswers = new Set();
const seenProblems = new Set();

function recordingsIn(path) {
  try {
    return readdirSync(path).filter((name) => name.endsWith(".ndjson")).sort();
  } catch {
    return [];
  }
}

function remember({ operation, status, body }) {
  if (operation) seenAnswers.add(`${operation.id} ${status}`);
  // as the answer, or as that of an operation of a batch
  for (const [, type] of body.matchAll(/(?:^|"body":){"type":"(\/problems\/[a-z-]+)"/g)) seenProblems.add(type);
}

function faultsOfLine(line, number) {
  const exchange = understand(JSON.parse(line));
  const { method, path, query, status } = exchange;
  const what = `line ${number}: ${method} ${path}${query && "?"}${query} -> ${status}`;
  remember(exchange);
  return faultsOfExchange(exchange).map((fault) => `${what}: ${fault}`);
}

const faultsOfRecording = (name) =>
  readFileSync(join(directory, name), "utf8")
    .split("\n")
    .flatMap((line, i) => (line === "" ? [] : faultsOfLine(line, i + 1)));

const recordings = recordingsIn(directory);
expect(
  "the service tests have left recordings",
  recordings.length ? [] : [`no *.ndjson in ${directory}: run the service tests first`],
);
for (const name of recordings)
  expect(`every answer in ${name} keeps to openapi.yaml`, faultsOfRecording(name));
for (const [id, missing] of missingAnswers(seenAnswers))
  expect(
    `${id} was seen with each of its answers`,
    missing.length ? [`never seen: ${missing.join(" ")}`] : [],
  );
expect("every type of problem was seen", missingProblems(seenProblems));
finish();
