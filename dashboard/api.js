// Requests to the service, and its problems in words.

import { connection } from "./connection.js";
import { parse } from "./json.js";

/** Where the service is, also behind a proxy that serves it below a path. */
export const root = new URL("../", import.meta.url);

const REQUEST_MS = 35_000; // longer than the service lets a query take

/** The service's clock: it may differ from that of the browser. */
export const clock = {
    offset: 0,
    now: () => Date.now() + clock.offset,
};

function noteDate(response) {
    const date = Date.parse(response.headers.get("Date") ?? "");
    const offset = date + 500 - Date.now(); // the header has whole seconds
    clock.offset = Math.abs(offset) > 2000 ? offset : 0;
}

/** An answer that is no success. */
export class Problem extends Error {
    constructor(status, body) {
        super(body.detail ?? body.title ?? `HTTP ${status}`);
        Object.assign(this, { status, title: body.title ?? `HTTP ${status}`, faults: body.errors ?? [] });
        this.type = String(body.type ?? "").replace("/problems/", "");
    }
}

/** No answer at all. */
export class NoAnswer extends Error {}

/** [what is wrong, further lines] */
export function explain(error) {
    if (error instanceof NoAnswer) return ["The service can't be reached.", []];
    if (!(error instanceof Problem)) return [String(error.message ?? error), []];
    const lines = error.faults.map(({ field, detail }) => `${field} ${detail}`);
    const detail = error.message === "See errors." || error.message === error.title ? [] : [error.message];
    return [error.title, [...detail, ...lines]];
}

export function href(path, query = []) {
    const text = new URLSearchParams(query).toString();
    return new URL(`./${path}${text && `?${text}`}`, root).href; // ./ as statuses:count would begin with a scheme
}

async function bodyOf(response) {
    const text = await response.text();
    if (!/json/.test(response.headers.get("Content-Type") ?? ""))
        return { title: text.slice(0, 200) || undefined };
    return parse(text);
}

const isAbort = (error, signal) => signal?.aborted && error.name !== "TimeoutError";

async function exchange(url, options, signal) {
    const limit = AbortSignal.timeout(REQUEST_MS);
    try {
        const response = await fetch(url, {
            ...options,
            signal: signal ? AbortSignal.any([signal, limit]) : limit,
        });
        noteDate(response);
        const body = response.status === 204 ? null : await bodyOf(response);
        connection.up();
        return { response, body };
    } catch (error) {
        if (isAbort(error, signal)) throw error;
        connection.down();
        throw new NoAnswer(error.message);
    }
}

/** `query`: [[name, value], ...]. A change carries a key of its own, so that a repeat is not a second one. */
export async function ask(method, path, query = [], signal = null) {
    const options = {
        method,
        headers: { Accept: "application/json" },
        cache: "no-store",
        credentials: "same-origin",
    };
    if (method !== "GET" && !query.some(([name]) => name === "dry_run"))
        options.headers["Idempotency-Key"] = newKey();
    const { response, body } = await exchange(href(path, query), options, signal);
    if (response.ok) {
        connection.trouble("");
        return body;
    }
    const problem = new Problem(response.status, body);
    if (response.status === 503) connection.trouble(`${problem.title}.`.replace("..", "."));
    throw problem;
}

/** crypto.randomUUID() is there on https and localhost only. */
function newKey() {
    if (crypto.randomUUID) return crypto.randomUUID();
    return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) =>
        byte.toString(16).padStart(2, "0"),
    ).join("");
}

export const statusPath = (id, rest = "") => `statuses/${encodeURIComponent(id)}${rest}`;
