// One recorded request with its answer: what is wrong with it by openapi.yaml.
//
// A record is {method, path, query, request_headers, request_body, status, headers, body}. The path
// is as it was sent; `query` has no question mark; names of headers may be in any case.

import {
  below,
  faultsOf,
  follow,
  methodsOf,
  operations,
  problems,
  route,
  schema,
  text,
} from "./document.mjs";

// Worded by the HTTP library, before anything of ours sees the request.
const FROM_THE_LIBRARY = [414, 431];

const PROBLEM = "application/problem+json";

const lowerNames = (headers) =>
  Object.fromEntries(Object.entries(headers ?? {}).map(([n, v]) => [n.toLowerCase(), String(v)]));

/** The record made uniform, with the operation that openapi.yaml has for it, if any. */
export function understand(record) {
  const path = record.path.replace(/^https?:\/\/[^/]*/i, "");
  const found = route(path);
  return {
    ...record,
    path,
    query: record.query ?? "",
    asked: lowerNames(record.request_headers),
    said: lowerNames(record.headers),
    request_body: record.request_body ?? "",
    body: record.body ?? "",
    route: found,
    operation: operations.find((o) => o.path === found?.path && o.method === record.method),
  };
}

function json(text, faults, what) {
  try {
    return JSON.parse(text);
  } catch (error) {
    faults.push(`${what} is not JSON: ${error.message}`);
    return undefined;
  }
}

/** HEAD is held to what GET documents. */
const getOf = (operation) => operations.find((o) => o.path === operation.path && o.method === "GET");

// ---- the answer's head ----

const mediaType = (value) => (value ?? "").split(";")[0].trim().toLowerCase();

/** Goes on for ever: it has no version, though the same resource in JSON has. */
const isStream = ({ said }) => mediaType(said["content-type"]) === "text/event-stream";

function headerFaults(exchange, response) {
  return Object.entries(response.node.headers ?? {}).flatMap(([name]) => {
    const header = below(response, "headers", name);
    const value = exchange.said[name.toLowerCase()];
    if (value === undefined) return header.node.required && !isStream(exchange) ? [`${name} is missing`] : [];
    const place = below(header, "schema");
    const typed = place.node.type === "integer" ? Number(value) : value;
    return faultsOf(place, typed).map((fault) => `${name}: ${fault}`);
  });
}

/** Answers are not cached, but for those that are documented to be. */
function cacheControlOf({ operation, status }) {
  const header = below(operation?.responses[status] ?? follow(""), "headers", "Cache-Control");
  return below(header, "schema").node?.const ?? "no-store";
}

function everyAnswerFaults(exchange) {
  const { asked, said } = exchange;
  const isHead = exchange.method === "HEAD" && exchange.operation;
  const documented = isHead ? { ...exchange, operation: getOf(exchange.operation) } : exchange;
  const wanted = { "cache-control": cacheControlOf(documented), "x-content-type-options": "nosniff" };
  if (/^[!-~]{1,128}$/.test(asked["x-request-id"] ?? ""))
    wanted["x-request-id"] = asked["x-request-id"];
  return Object.entries(wanted)
    .filter(([name, value]) => said[name] !== value)
    .map(([name, value]) => `${name} is ${said[name]}, not ${value}`);
}

function allowFaults({ route: found, said, path }) {
  if (path === "*") return said.allow ? [] : ["Allow is missing"];
  const wanted = methodsOf(found.path).sort().join(", ");
  const allowed = (said.allow ?? "").split(", ").sort().join(", ");
  return allowed === wanted ? [] : [`Allow is ${allowed}, not ${wanted}`];
}

// ---- the answer's body ----

function problemFaults(exchange, problem) {
  const { status, title } = problems[problem?.type] ?? {};
  const faults = [];
  if (problem?.status !== exchange.status || status !== exchange.status)
    faults.push(`${problem?.type} with ${problem?.status} in an answer with ${exchange.status}`);
  if (problem?.title !== title) faults.push(`the title of ${problem?.type} is ${problem?.title}`);
  return faults;
}

const keysOfStatus = schema("Key").node.enum;

/** Keys come in the order of the document, and those that were asked for. */
function keyFaults({ query }, status) {
  const fields = new URLSearchParams(query).get("fields")?.split(",") ?? keysOfStatus;
  const wanted = keysOfStatus.filter((key) => fields.includes(key)).join();
  const found = Object.keys(status ?? {}).join();
  return found === wanted ? [] : [`the keys are ${found}, not ${wanted}`];
}

const showsStatus = ({ operation, status }) =>
  (status === 200 || status === 201) &&
  (operation.id === "getStatus" || /\/(Status|Created)$/.test(operation.responses[status].pointer));

const isOfOne = ({ method, path }) => path.startsWith("/statuses/") || (method === "POST" && path === "/statuses");

function jsonFaults(exchange, type, place) {
  const faults = [];
  const value = json(exchange.body, faults, "the body");
  if (faults.length) return faults;
  faults.push(...faultsOf(place, value));
  if (type === PROBLEM) faults.push(...problemFaults(exchange, value));
  else if (showsStatus(exchange)) faults.push(...keyFaults(exchange, value));
  if (value?.current) faults.push(...keyFaults({ query: "" }, value.current));
  if (exchange.status === 409 && !value?.current && !asksForMinimal(exchange) && isOfOne(exchange))
    faults.push("a 409 without current");
  return faults;
}

const SCHEMA_OF_LINES = { runBatch: "BatchResult" };

/** A status in each line, or what the operation has instead. */
function linesFaults(exchange) {
  const place = schema(SCHEMA_OF_LINES[exchange.operation.id] ?? "StatusPart");
  if (!exchange.body.endsWith("\n") && exchange.body !== "") return ["the last line has no end"];
  return exchange.body
    .split("\n")
    .slice(0, -1)
    .flatMap((line) => {
      const faults = [];
      const value = json(line, faults, "a line");
      return faults.length ? faults : faultsOf(place, value);
    });
}

function bodyFaults(exchange, response) {
  const type = mediaType(exchange.said["content-type"]);
  const media = below(response, "content", type);
  if (!response.node.content) {
    // 304 has the headers of the 200 that it stands for
    if (type !== "" && exchange.status !== 304) return [`Content-Type ${type} where there is no body`];
    return exchange.body === "" ? [] : ["a body where none is documented"];
  }
  if (!media.node) return [`Content-Type is ${type || "missing"}`];
  if (exchange.method === "HEAD") return exchange.body === "" ? [] : ["HEAD with a body"];
  if (type === "application/yaml")
    return exchange.body === text ? [] : ["the body is not openapi.yaml"];
  if (type === "application/x-ndjson") return linesFaults(exchange);
  if (/^(text|image)\//.test(type)) return faultsOf(below(media, "schema"), exchange.body);
  return jsonFaults(exchange, type, below(media, "schema"));
}

// ---- the request: what was carried out must be what the document allows ----

const asksForMinimal = ({ asked }) =>
  /(^|,)\s*return="?minimal"?\s*(;|,|$)/i.test(asked.prefer ?? "");

function parameterFaults(parameter, text) {
  const place = below(parameter, "schema");
  const values = {
    array: () => text.split(","),
    integer: () => (/^-?\d+$/.test(text) ? Number(text) : text),
    boolean: () => ({ true: true, false: false })[text] ?? text,
  };
  const value = values[place.node.type]?.() ?? text;
  return faultsOf(place, value).map((fault) => `parameter ${parameter.node.name}: ${fault}`);
}

function queryFaults({ query, operation }) {
  if (operation.anyQuery) return [];
  const names = [...new URLSearchParams(query).keys()];
  // "x.NAME" in the document stands for any name behind the dot.
  const isNamed = (documented, name) =>
    documented.endsWith(".NAME")
      ? name.startsWith(documented.slice(0, -4)) && name.length > documented.length - 4
      : documented === name;
  const parameterOf = (name) =>
    operation.parameters.find(({ node }) => node.in === "query" && isNamed(node.name, name));
  const faults = names
    .filter((name, i) => names.indexOf(name) !== i && !parameterOf(name)?.node.explode)
    .map((name) => `parameter ${name} is there twice`);
  for (const [name, value] of new URLSearchParams(query)) {
    const parameter = parameterOf(name);
    faults.push(...(parameter ? parameterFaults(parameter, value) : [`unknown parameter ${name}`]));
  }
  return faults;
}

const pathFaults = ({ operation, route: found }) =>
  operation.parameters
    .filter(({ node }) => node.in === "path")
    .flatMap((parameter) => parameterFaults(parameter, found.parameters[parameter.node.name]));

function requestBodyFaults({ operation, request_body, asked }) {
  const { node } = operation.body;
  const lines = "application/x-ndjson";
  if (mediaType(asked["content-type"]) === lines && node?.content[lines]) return []; // each is judged alone
  if (request_body === "") return node?.required ? ["a body is required"] : [];
  if (!node) return ["no body is documented"];
  const faults = [];
  const value = json(request_body, faults, "it");
  const place = below(operation.body, "content", "application/json", "schema");
  return faults.length ? faults : faultsOf(place, value);
}

function requestFaults(exchange) {
  const faults = [
    ...pathFaults(exchange),
    ...queryFaults(exchange),
    ...requestBodyFaults(exchange).map((fault) => `body: ${fault}`),
  ];
  const minimal = exchange.status === 204 && exchange.operation.method !== "DELETE";
  const prefers =
    "204" in exchange.operation.responses &&
    exchange.operation.parameters.some(({ node }) => node.name === "Prefer");
  if (minimal !== (prefers && asksForMinimal(exchange)))
    faults.push(`Prefer: ${exchange.asked.prefer} was answered with ${exchange.status}`);
  return faults.map((fault) => `was carried out, although the request's ${fault}`);
}

// ---- all together ----

/** HEAD is held to what GET documents, less the body. */
function responseTo(exchange) {
  const { operation, status } = exchange;
  const { responses } = operation.method === "HEAD" ? getOf(operation) : operation;
  return responses[status] ?? responses.default;
}

function operationFaults(exchange) {
  const response = responseTo(exchange);
  const faults = [...headerFaults(exchange, response), ...bodyFaults(exchange, response)];
  if (exchange.status < 300) faults.push(...requestFaults(exchange));
  if (/^{"type":"\/problems\/(route-not-found|method-not-allowed)"/.test(exchange.body))
    faults.push("openapi.yaml has this route with this method");
  return faults;
}

/** No such route, or not with this method. */
function otherFaults(exchange) {
  const { method, status, route: found, path, body, said } = exchange;
  const knownPath = found || path === "*";
  if (method === "OPTIONS" && status === 204)
    return knownPath ? allowFaults(exchange) : ["OPTIONS of an unknown route"];
  if (mediaType(said["content-type"]) !== PROBLEM)
    return [`Content-Type is ${said["content-type"]}`];
  const faults = method === "HEAD" ? [] : jsonFaults(exchange, PROBLEM, schema("Problem"));
  if (status === 405) faults.push(...(found ? allowFaults(exchange) : ["405 of an unknown route"]));
  if (status === 404 && found) faults.push("404 where 405 is due");
  if (status < 400) faults.push("success of what is not documented");
  return faults;
}

export function faultsOfExchange(exchange) {
  if (FROM_THE_LIBRARY.includes(exchange.status)) return [];
  return [
    ...everyAnswerFaults(exchange),
    ...(exchange.operation ? operationFaults(exchange) : otherFaults(exchange)),
  ];
}
