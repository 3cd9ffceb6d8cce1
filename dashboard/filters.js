// What is shown lives in the URL behind the #, so that a reload, a bookmark and a message to a colleague keep it:
//   #/?state=failed&recorded_after=-1h     the list: parameters as GET /statuses takes them
//   #/status/ID                            one status

import { TIMES } from "./format.js";

export const DEFAULT_SORT = "-recorded_at";
export const PAGE_SIZES = [25, 50, 100, 200];
export const DEFAULT_LIMIT = "50";
const NO_FILTERS = new Set(["sort", "limit", "cursor"]);

/** { name: "list", params } or { name: "status", id } */
export function readRoute() {
    const [path, query = ""] = splitOnce(location.hash.replace(/^#\/?/, ""), "?");
    const id = /^status\/(.+)$/.exec(path)?.[1];
    if (id) return { name: "status", id: decode(id) };
    return { name: "list", params: new URLSearchParams(query) };
}

/** What the URL asks for at this moment: a view may be about to learn of it. */
export const paramsNow = () => readRoute().params ?? new URLSearchParams();

function splitOnce(text, mark) {
    const at = text.indexOf(mark);
    return at < 0 ? [text] : [text.slice(0, at), text.slice(at + mark.length)];
}

function decode(text) {
    try {
        return decodeURIComponent(text);
    } catch {
        return text; // no id either way: the service will say so
    }
}

/** The filters alone: [[name, value], ...] */
export const filtersOf = (params) =>
    [...params].filter(([name, value]) => !NO_FILTERS.has(name) && value !== "");

export function listHash(params) {
    const query = String(params);
    return `#/${query && `?${query}`}`;
}

export const statusHash = (id) => `#/status/${encodeURIComponent(id)}`;

/** A copy with some parameters replaced; null and "" take one away. A new filter begins at the first page. */
export function changed(params, changes) {
    const next = new URLSearchParams(params);
    if (!("cursor" in changes)) next.delete("cursor");
    for (const [name, value] of Object.entries(changes)) {
        if (value === null || value === "") next.delete(name);
        else next.set(name, value);
    }
    return next;
}

/** A copy without this one value of a filter. */
export function without(params, name, value) {
    return new URLSearchParams(
        [...params].filter(([n, v]) => n !== "cursor" && !(n === name && v === value)),
    );
}

export const sortOf = (params) => {
    const sort = params.get("sort") || DEFAULT_SORT;
    return { key: sort.replace(/^-/, ""), descending: sort.startsWith("-") };
};

export const timeKeyOf = (params) => {
    const { key } = sortOf(params);
    return TIMES.includes(key) ? key : "recorded_at";
};

const LOCAL = /^(\d{4}-\d\d-\d\d)(?:[ T](\d\d:\d\d(?::\d\d)?))?$/;

/** What people type for a time, as the service takes it: 1h is -1h, 2026-11-24 03:00 is in the browser's zone. */
export function timeFromText(text) {
    const typed = text.trim();
    if (/^\d{1,6}[smhd]$/.test(typed)) return `-${typed}`;
    const [, day, time = "00:00"] = LOCAL.exec(typed) ?? [];
    const at = day && new Date(`${day}T${time}`);
    return at && !Number.isNaN(at.getTime()) ? at.toISOString() : typed;
}
