// JSON as it was sent: numbers keep every digit, also those that JavaScript's cannot hold.

import { h } from "./dom.js";

/** A number that would not survive: 12345678901234567890, 1.00. */
class Digits {
    constructor(text) {
        this.text = text;
    }
    toString() {
        return this.text;
    }
}

function keepDigits(_, value, context) {
    if (typeof value !== "number" || !context?.source || String(value) === context.source) return value;
    return new Digits(context.source);
}

export const parse = (text) => JSON.parse(text, keepDigits);

/** The number, approximate if need be. */
export const numberOf = (value) => Number(value instanceof Digits ? value.text : value);

/** On one line. */
export function compact(value) {
    if (value instanceof Digits) return value.text;
    if (Array.isArray(value)) return `[${value.map(compact).join(",")}]`;
    if (value && typeof value === "object")
        return `{${Object.entries(value)
            .map(([name, item]) => `${JSON.stringify(name)}:${compact(item)}`)
            .join(",")}}`;
    return JSON.stringify(value);
}

/** A JSON string; what would turn the direction of writing, or can't be seen, is escaped. */
const quoted = (text) =>
    JSON.stringify(text).replaceAll(
        /[\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g,
        (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`,
    );

function scalar(value) {
    if (value instanceof Digits || typeof value === "number")
        return h("span", { class: "j-number" }, String(value));
    if (typeof value === "string") return h("span", { class: "j-string" }, quoted(value));
    return h("span", { class: "j-word" }, String(value));
}

function isContainer(value) {
    return value !== null && typeof value === "object" && !(value instanceof Digits);
}

function lines(value, indent) {
    if (!isContainer(value)) return [scalar(value)];
    const isList = Array.isArray(value);
    const [open, close] = isList ? "[]" : "{}";
    const members = Object.entries(value);
    if (!members.length) return [open + close];
    const inner = `${indent}  `;
    return [
        open,
        ...members.flatMap(([name, item], i) => [
            `\n${inner}`,
            ...(isList ? [] : [h("span", { class: "j-name" }, quoted(name)), ": "]),
            ...lines(item, inner),
            i < members.length - 1 ? "," : "",
        ]),
        `\n${indent}${close}`,
    ];
}

export const pretty = (value) => h("pre", { class: "json", tabindex: "0" }, ...lines(value, ""));
