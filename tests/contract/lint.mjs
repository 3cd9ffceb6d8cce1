// openapi.yaml by itself: a linter finds nothing to say, every example is valid, and nothing that
// should have an example lacks one.

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { createConfig, lint } from "@redocly/openapi-core";
import { parse } from "yaml";
import {
  below,
  document,
  faultsOf,
  file,
  follow,
  members,
  operations,
  problems,
} from "./document.mjs";
import { expect, finish } from "./tap.mjs";

const rules = new URL("redocly.yaml", import.meta.url);

async function linterFaults() {
  const config = await createConfig(parse(readFileSync(rules, "utf8")), {
    configPath: fileURLToPath(rules),
  });
  const found = await lint({ ref: fileURLToPath(file), config });
  return found.map(({ severity, ruleId, message, location }) => {
    const where = location.map(({ pointer }) => pointer).join(", ");
    return `${severity} ${ruleId}: ${message} (${where})`;
  });
}

// ---- examples ----

/** All places in the document that have a schema: media types, parameters, headers. */
function placesWithSchema(place = follow(""), found = []) {
  if (place.node === null || typeof place.node !== "object") return found;
  if (place.pointer.startsWith("/components/examples")) return found;
  if ("schema" in place.node && !("$ref" in place.node)) found.push(place);
  for (const name of Object.keys(place.node))
    if (!place.node[name]?.$ref) placesWithSchema(below(place, name), found);
  return found;
}

const examplesOf = (place) => [
  ...("example" in place.node ? [["example", { node: { value: place.node.example } }]] : []),
  ...members(below(place, "examples")),
];

const exampleFaults = (place) =>
  examplesOf(place).flatMap(([name, { node }]) =>
    faultsOf(below(place, "schema"), node.value).map(
      (fault) => `${place.pointer} ${name}: ${fault}`,
    ),
  );

const places = placesWithSchema();

// ---- problems ----

const typesOfSchema = document.components.schemas.Problem.properties.type.enum;
const page = readFileSync(new URL("../../docs/problems.md", import.meta.url), "utf8");
const typesOfPage = [...page.matchAll(/^\| `([a-z-]+)` \| ([0-9]{3}) \|/gm)].map(
  ([, name, status]) => [`/problems/${name}`, Number(status)],
);

function problemFaults() {
  const inPage = Object.fromEntries(typesOfPage);
  const all = new Set([...typesOfSchema, ...Object.keys(problems), ...Object.keys(inPage)]);
  return [...all].flatMap((type) => [
    ...(typesOfSchema.includes(type) ? [] : [`${type} is not in the schema of Problem`]),
    ...(problems[type] ? [] : [`${type} has no example`]),
    ...(inPage[type] === problems[type]?.status
      ? []
      : [`${type} is ${inPage[type] ?? "missing"} in docs/problems.md`]),
  ]);
}

// ---- HEAD ----

const answersOf = (wanted, path) =>
  operations
    .filter(({ method, path: p }) => method === wanted && p === path)
    .flatMap(({ responses }) => Object.keys(responses))
    .join(" ");

const headFaults = Object.keys(document.paths)
  .filter((path) => answersOf("GET", path) !== answersOf("HEAD", path))
  .map((path) => `${path}: ${answersOf("HEAD", path)}, not ${answersOf("GET", path)}`);

expect("the linter finds nothing in openapi.yaml", await linterFaults());
expect(
  "every media type, parameter and header has an example",
  places.filter((place) => !examplesOf(place).length).map(({ pointer }) => pointer),
);
expect("every example is valid by its schema", places.flatMap(exampleFaults));
expect("every type of problem is in the schema, the examples and docs/problems.md", problemFaults());
expect("HEAD has the answers of GET", headFaults);
expect(
  "nothing refers to another file: the service serves this one alone",
  JSON.stringify(document).match(/"\$ref":"[^#][^"]*"/g) ?? [],
);
finish();
