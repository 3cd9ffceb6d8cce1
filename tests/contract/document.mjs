// openapi.yaml as the tests see it: its operations, and a validator for each schema in it.

import { readFileSync } from "node:fs";
import { Ajv2020 } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import { parse } from "yaml";

export const file = new URL("../../openapi.yaml", import.meta.url);
export const text = readFileSync(file, "utf8");
export const document = parse(text, { strict: true, uniqueKeys: true });

const METHODS = ["get", "head", "put", "post", "patch", "delete"];

// ---- references: a place is a JSON pointer, and what stands there ----

const escapePart = (part) => String(part).replaceAll("~", "~0").replaceAll("/", "~1");
const unescapePart = (part) => part.replaceAll("~1", "/").replaceAll("~0", "~");

function at(pointer) {
  const parts = pointer.split("/").slice(1).map(unescapePart);
  return parts.reduce((node, part) => node?.[part], document);
}

/** What a pointer leads to, behind all references: { pointer, node }. */
export function follow(pointer) {
  const node = at(pointer);
  return node?.$ref ? follow(node.$ref.slice(1)) : { pointer, node };
}

export const below = (place, ...parts) =>
  follow([place.pointer, ...parts.map(escapePart)].join("/"));

/** The members of an object in the document, each with its place: [[name, place], ...] */
export const members = (place) =>
  Object.keys(place.node ?? {}).map((name) => [name, below(place, name)]);

// ---- schemas ----

const ajv = new Ajv2020({
  allErrors: true,
  strict: true,
  strictTypes: false, // "type" may stand in the schema that allOf brings in
  strictRequired: false, // and so may "properties"
});
addFormats.default(ajv);
ajv.addVocabulary(Object.keys(document)); // the schemas are found inside the document, as it is
ajv.addSchema(document, "openapi.yaml");

/** What is wrong with `value` by the schema at a place: none when it is valid. */
export function faultsOf(schema, value) {
  const reference = schema.pointer.split("/").map(encodeURIComponent).join("/");
  const validate = ajv.getSchema(`openapi.yaml#${reference}`);
  if (validate(value)) return [];
  return validate.errors.map((error) => {
    const found = error.params.additionalProperty ?? error.params.allowedValues ?? "";
    return `${error.instancePath || "the value"} ${error.message} ${found}`.trim();
  });
}

export const schema = (name) => follow(`/components/schemas/${name}`);

// ---- operations ----

function operationAt(path, method) {
  const item = follow(`/paths/${escapePart(path)}`);
  const place = below(item, method);
  const parameters = [...members(below(item, "parameters")), ...members(below(place, "parameters"))];
  return {
    id: place.node.operationId,
    anyQuery: place.node["x-any-query"] === true,
    method: method.toUpperCase(),
    path,
    parameters: parameters.map(([, parameter]) => parameter),
    body: below(place, "requestBody"),
    responses: Object.fromEntries(members(below(place, "responses"))),
  };
}

export const operations = Object.keys(document.paths).flatMap((path) =>
  METHODS.filter((method) => document.paths[path][method]).map((method) =>
    operationAt(path, method),
  ),
);

// ---- routes: the path of a request -> the path of the document ----

function parameterTakes(path, name, value) {
  const owner = operations.find((operation) => operation.path === path);
  const parameter = owner.parameters.find((p) => p.node.in === "path" && p.node.name === name);
  const allowed = below(parameter, "schema").node.enum;
  return value !== "" && (!allowed || allowed.includes(value));
}

function pathParameters(path, segments) {
  const wanted = path.split("/").slice(1);
  const found = {};
  if (wanted.length !== segments.length) return null;
  for (const [i, part] of wanted.entries()) {
    const name = /^{(.*)}$/.exec(part)?.[1];
    if (name ? !parameterTakes(path, name, segments[i]) : part !== segments[i]) return null;
    if (name) found[name] = segments[i];
  }
  return found;
}

/** { path, parameters } of the document, or null when no route has this path. */
export function route(requestPath) {
  let segments;
  try {
    segments = requestPath.split("/").slice(1).map(decodeURIComponent);
  } catch {
    return null; // a bad escape
  }
  const exactFirst = Object.keys(document.paths).sort(
    (a, b) => a.split("{").length - b.split("{").length,
  );
  for (const path of exactFirst) {
    const parameters = pathParameters(path, segments);
    if (parameters) return { path, parameters };
  }
  return null;
}

/** The methods that a path of the document has, as the Allow header lists them. */
export const methodsOf = (path) => [
  ...operations.filter((operation) => operation.path === path).map(({ method }) => method),
  "OPTIONS",
];

// ---- problems: each type has an example, which tells its status and title ----

export const problems = Object.fromEntries(
  Object.values(document.components.examples)
    .filter(({ value }) => String(value?.type).startsWith("/problems/"))
    .map(({ value }) => [value.type, { status: value.status, title: value.title }]),
);
