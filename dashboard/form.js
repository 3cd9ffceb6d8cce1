// The filter: fields for what is asked most, and a chip for each filter that holds, to take it away again.

import { h } from "./dom.js";
import { changed, filtersOf, listHash, paramsNow, sortOf, timeFromText, without } from "./filters.js";
import { TIMES, zone } from "./format.js";

const TEXTS = [
    ["job_name", "Job name"],
    ["job_arg", "Argument"],
    ["id", "Id"],
    ["provider_job_id", "Provider's id"],
];
const PRESETS = [
    ["", "any time"],
    ["-15m", "15 min"],
    ["-1h", "1 h"],
    ["-24h", "24 h"],
    ["-7d", "7 d"],
];
const short = (time) => time.replace("_at", "");
const options = (values) => values.map(([value, text]) => h("option", { value }, text));
const field = (label, input) => h("label", { class: "field" }, h("span", {}, label), input);

const textInput = (name, placeholder = "") =>
    h("input", {
        name,
        type: "text",
        autocomplete: "off",
        spellcheck: "false",
        autocapitalize: "off",
        placeholder,
    });

export class FilterForm {
    #params = new URLSearchParams();

    constructor() {
        this.names = h("datalist", { id: "job-names" });
        this.texts = TEXTS.map(([name, label]) => [name, label, textInput(name)]);
        this.texts[0][2].setAttribute("list", "job-names");
        this.time = h("select", {}, ...options(TIMES.map((time) => [short(time), short(time)])));
        this.after = textInput("after", "-1h");
        this.before = textInput("before", "now");
        this.kill = h(
            "select",
            { name: "kill_requested" },
            ...options([
                ["", "either"],
                ["true", "yes"],
                ["false", "no"],
            ]),
        );
        this.chips = h("ul", { class: "chips", "aria-label": "Filters that hold" });
        this.presets = PRESETS.map(([value, text]) =>
            h(
                "button",
                {
                    type: "button",
                    class: "preset",
                    data: { value },
                    on: { click: () => this.#preset(value) },
                },
                text,
            ),
        );
        this.form = h(
            "form",
            { class: "filter", "aria-label": "Filter", on: { submit: (event) => this.#submit(event) } },
            ...this.texts.map(([, label, input]) => field(label, input)),
            field("Kill requested", this.kill),
            h(
                "div",
                { class: "times" },
                field("Time", this.time),
                field("From", this.after),
                field("To", this.before),
            ),
            h("button", { type: "submit", class: "primary" }, "Filter"),
            h(
                "p",
                { class: "hint form-hint" },
                `Times: -15m, -2h, -7d before now, or ${new Date().getFullYear()}-01-31 03:00 in ${zone}.`,
            ),
            this.names,
        );
        this.more = h("details", { class: "more" }, h("summary", {}, "More filters"), this.form);
        this.quick = h(
            "div",
            { class: "quick" },
            h("span", { class: "hint" }, "Recorded within"),
            ...this.presets,
        );
        this.element = h(
            "section",
            { class: "filters", "aria-label": "Filters" },
            this.quick,
            this.chips,
            this.more,
        );
        this.time.addEventListener("change", () => this.#fillTimes());
    }

    get first() {
        return this.texts[0][2];
    }

    focus() {
        this.more.open = true;
        this.first.focus();
        this.first.select();
    }

    show(params) {
        this.#params = params;
        for (const [name, , input] of this.texts) input.value = params.getAll(name).join(",");
        this.kill.value = params.get("kill_requested") ?? "";
        const timed = filtersOf(params)
            .map(([name]) => /^(.*)_(after|before)$/.exec(name)?.[1])
            .find(Boolean);
        this.time.value = timed ?? (sortOf(params).key === "id" ? "recorded" : short(sortOf(params).key));
        this.#fillTimes();
        const recorded = params.get("recorded_after") ?? "";
        for (const button of this.presets)
            button.setAttribute("aria-pressed", String(button.dataset.value === recorded));
        this.#showChips(params);
    }

    /** Names to choose from: those on the page. */
    suggest(names) {
        const wanted = [...new Set(names)].filter(Boolean).sort();
        if (wanted.join("\n") === [...this.names.children].map((option) => option.value).join("\n")) return;
        this.names.replaceChildren(...wanted.map((value) => h("option", { value })));
    }

    #fillTimes() {
        this.after.value = this.#params.get(`${this.time.value}_after`) ?? "";
        this.before.value = this.#params.get(`${this.time.value}_before`) ?? "";
    }

    #showChips(params) {
        const filters = filtersOf(params);
        const chip = (name, value) =>
            h(
                "li",
                {},
                h(
                    "a",
                    { class: "chip", href: listHash(without(params, name, value)) },
                    h("span", { class: "hidden" }, "Remove the filter "),
                    h("span", { class: "chip-name" }, `${name} `),
                    h("span", { class: "chip-value" }, value),
                    h("span", { class: "chip-x", "aria-hidden": "true" }, "×"),
                ),
            );
        this.chips.replaceChildren(...filters.map(([name, value]) => chip(name, value)));
        if (filters.length > 1)
            this.chips.append(h("li", {}, h("a", { class: "clear", href: "#/" }, "Clear all")));
        this.chips.hidden = filters.length === 0;
    }

    #preset(value) {
        location.hash = listHash(changed(paramsNow(), { recorded_after: value, recorded_before: null }));
    }

    #submit(event) {
        event.preventDefault();
        const changes = { kill_requested: this.kill.value };
        for (const [name, , input] of this.texts) {
            const before = this.#params.getAll(name).join(",");
            if (input.value.trim() !== before) changes[name] = input.value.trim();
        }
        changes[`${this.time.value}_after`] = timeFromText(this.after.value);
        changes[`${this.time.value}_before`] = timeFromText(this.before.value);
        location.hash = listHash(changed(paramsNow(), changes));
    }
}
