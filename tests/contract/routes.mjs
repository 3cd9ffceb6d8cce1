// The routes of the program and those of openapi.yaml are the same.
//
// usage: node routes.mjs PATH_OF_JOBBAD
//
// `jobbad --routes` prints a line for each row of its table: METHOD, PATH, operationId and the status
// code of success, with tabs between them. HEAD has no rows: it is where GET is.

import { execFileSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { operations } from "./document.mjs";
import { expect, finish } from "./tap.mjs";

const [program] = process.argv.slice(2);

/** getStatus -> headStatus, listAttempts -> headAttempts */
const headOf = ([, path, id, ok]) => ["HEAD", path, id.replace(/^[a-z]+/, "head"), ok];

const rowsOfProgram = () =>
  execFileSync(program, ["--routes"], { encoding: "utf8", timeout: 10_000 })
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => line.split("\t"))
    // {any_id} is the table's word for an id that may name an archived attempt
    .map(([method, path, id, ok]) => [method, path?.replace("{any_id}", "{id}"), id, ok])
    .flatMap((row) => (row[0] === "GET" ? [row, headOf(row)] : [row]));

/** The code of success is the first: 200 where a status may also be created, with 201. */
const rowsOfDocument = () =>
  operations.map(({ method, path, id, responses }) => [
    method,
    path,
    id,
    Object.keys(responses).filter((code) => code.startsWith("2")).sort()[0],
  ]);

const asLines = (rows) => rows.map((row) => row.join(" "));
const missing = (wanted, found) => wanted.filter((line) => !found.includes(line));

const inProgram = asLines(rowsOfProgram());
const inDocument = asLines(rowsOfDocument());

const filesInFolder = readdirSync(new URL("../../dashboard/", import.meta.url)).filter((name) => name !== "index.html");
const filesInDocument = operations
  .find(({ id }) => id === "getDashboardFile")
  .parameters.find(({ node }) => node.name === "file").node.schema.enum;
const differences = (a, b) => [...missing(a, b), ...missing(b, a)];

expect("there are routes", inProgram.length ? [] : [`${program} --routes prints nothing`]);
expect("every route of the program is in openapi.yaml", missing(inProgram, inDocument));
expect("every operation of openapi.yaml is in the program", missing(inDocument, inProgram));
expect("every file of dashboard/ is in openapi.yaml, and no other", differences(filesInFolder, filesInDocument));
expect(
  "no route is there twice",
  inProgram.filter((line, i) => inProgram.indexOf(line) !== i),
);
finish();
