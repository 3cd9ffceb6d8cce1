// Times, durations, errors and progress in words.

import { clock } from "./api.js";
import { compact, numberOf } from "./json.js";

export const STATES = ["unqueued", "queued", "started", "succeeded", "failed", "killed", "unknown"];
export const TIMES = ["recorded_at", "queued_at", "started_at", "succeeded_at", "failed_at", "killed_at"];
const ENDS = { succeeded: "succeeded_at", failed: "failed_at", killed: "killed_at" };

export const zone = Intl.DateTimeFormat().resolvedOptions().timeZone ?? "local time";

const pad = (number) => String(number).padStart(2, "0");

/** 2026-11-24 03:39:56 in the zone of the browser. */
export function localTime(time) {
    const at = new Date(time);
    const day = `${at.getFullYear()}-${pad(at.getMonth() + 1)}-${pad(at.getDate())}`;
    return `${day} ${pad(at.getHours())}:${pad(at.getMinutes())}:${pad(at.getSeconds())}`;
}

/** [[limit in ms, unit in ms, name, smaller unit, its name]] */
const UNITS = [
    [60e3, 1e3, "s"],
    [3600e3, 60e3, "min", 1e3, "s"],
    [86400e3, 3600e3, "h", 60e3, "min"],
    [Infinity, 86400e3, "d", 3600e3, "h"],
];

/** 0.4 s, 12 s, 3 min 5 s, 2 h 5 min, 3 d 4 h */
export function duration(ms) {
    if (ms < 0) ms = 0;
    if (ms < 1000) return `${Math.round(ms)} ms`;
    if (ms < 10e3) return `${(Math.floor(ms / 100) / 10).toFixed(1)} s`;
    const [, unit, name, smaller, smallerName] = UNITS.find(([limit]) => ms < limit);
    const rest = smaller ? Math.floor((ms % unit) / smaller) : 0;
    return `${Math.floor(ms / unit)} ${name}${rest ? ` ${rest} ${smallerName}` : ""}`;
}

/** How long ago, roughly. */
export function ago(time) {
    const ms = clock.now() - Date.parse(time);
    if (ms < 5e3) return "just now";
    const [, unit, name] = UNITS.find(([limit]) => ms < limit);
    return `${Math.floor(ms / unit)} ${name} ago`;
}

/** { from, to } in ms, `to` null while it still runs; null when it never ran. */
export function ran(status) {
    if (!status.started_at) return null;
    const end = ENDS[status.state] && status[ENDS[status.state]];
    if (!end && status.state !== "started") return null;
    return { from: Date.parse(status.started_at), to: end ? Date.parse(end) : null };
}

/** The same for the time in the queue. */
export function waited(status) {
    if (!status.queued_at) return null;
    if (!status.started_at && status.state !== "queued") return null;
    return {
        from: Date.parse(status.queued_at),
        to: status.started_at ? Date.parse(status.started_at) : null,
    };
}

export const spanText = (span) => (span ? duration((span.to ?? clock.now()) - span.from) : "");

/** 0 to 100, and never 100 before the end. */
export function percent(progress) {
    const share = Math.min(1, Math.max(0, numberOf(progress) || 0));
    return share === 1 ? 100 : Math.min(99, Math.floor(share * 100));
}

const MESSAGE_KEYS = ["message", "msg", "error", "detail", "reason", "title", "description"];

/** An error may be any JSON: the text in it that a person would look for first. */
export function errorText(error) {
    if (typeof error === "string") return error;
    if (error && typeof error === "object") {
        const key = MESSAGE_KEYS.find((name) => typeof error[name] === "string" && error[name] !== "");
        if (key) return error[key];
    }
    return compact(error);
}

export const plural = (n, one, many = `${one}s`) => `${n.toLocaleString("en")} ${n === 1 ? one : many}`;
