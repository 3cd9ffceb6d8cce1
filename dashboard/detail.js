// One status in full: what failed and why comes first.

import { deleteOne, killOne } from "./actions.js";
import { ask, explain, href, Problem, statusPath } from "./api.js";
import { h, setText, soon } from "./dom.js";
import { listHash } from "./filters.js";
import { ago, duration, errorText, ran, spanText, TIMES, waited, zone } from "./format.js";
import { pretty } from "./json.js";
import { Feed } from "./live.js";
import { badge, bar, setBadge, setBar, timeElement } from "./row.js";

const TIME_KEYS = [...TIMES, "kill_requested_at", "updated_at"];
const timeName = (key) => key.replace(/_at$/, "").replaceAll("_", " ");
const filterLink = (name, value, text = value) =>
    h("a", { href: listHash(new URLSearchParams([[name, value]])) }, text);

function section(title, ...content) {
    return h("section", { class: "panel" }, h("h2", {}, title), ...content);
}

// ---- parts that are made anew when what they show has changed ----

function errorsPart({ errors }) {
    if (!errors.length) return null;
    const one = (error, i) =>
        h(
            "li",
            {},
            h(
                "p",
                { class: "error-text" },
                errors.length > 1 && h("span", { class: "error-number" }, `${i + 1}`),
                errorText(error),
            ),
            error && typeof error === "object" ? pretty(error) : null,
        );
    const title = errors.length === 1 ? "Error" : `Errors, the last first (${errors.length})`;
    return section(title, h("ol", { class: "errors" }, ...errors.map(one).reverse()));
}

/** Every time in its order, and how long after the one before. */
function timesPart(status) {
    const known = TIME_KEYS.filter((key) => status[key]).sort((a, b) =>
        status[a] < status[b] ? -1 : status[a] > status[b] ? 1 : 0,
    );
    const rows = known.map((key, i) => {
        const since = i ? Date.parse(status[key]) - Date.parse(status[known[i - 1]]) : null;
        return h(
            "tr",
            {},
            h("th", { scope: "row" }, timeName(key)),
            h("td", {}, timeElement(status[key])),
            h("td", { class: "since" }, since === null ? "" : `+${duration(since)}`),
        );
    });
    const heads = h(
        "tr",
        {},
        ...["What", "When", "After the one before"].map((text) => h("th", { scope: "col" }, text)),
    );
    return section(
        "Times",
        h("table", { class: "times-table" }, h("thead", { class: "hidden" }, heads), h("tbody", {}, ...rows)),
        h("p", { class: "hint" }, `In ${zone}; point at a time for UTC.`),
    );
}

function argsPart({ job_args }) {
    const args = Object.entries(job_args ?? {});
    if (!args.length) return null;
    return section(
        "Arguments",
        h(
            "dl",
            { class: "pairs" },
            ...args.flatMap(([name, value]) => [
                h("dt", {}, name),
                h("dd", {}, filterLink(`job_arg.${name}`, value)),
            ]),
        ),
    );
}

const dataPart = ({ data }) => (data === null ? null : section("Data", pretty(data)));

/** What is worth knowing of an attempt at a glance: what went wrong, or how long it took. */
const gist = (attempt) =>
    attempt.errors.length ? errorText(attempt.errors.at(-1)).slice(0, 200) : spanText(ran(attempt));

function attemptsPart(attempts) {
    if (!attempts.length) return null;
    const one = (attempt) =>
        h(
            "details",
            { class: "attempt" },
            h(
                "summary",
                {},
                `Attempt ${attempt.attempt}`,
                badge(attempt.state),
                h("span", { class: "hint" }, gist(attempt)),
            ),
            errorsPart(attempt),
            timesPart(attempt),
            dataPart(attempt),
        );
    return section("Earlier attempts", ...attempts.map(one).reverse());
}

export class DetailView {
    #status = null;
    #attempts = [];
    #attemptsOf = null;
    #paused = false;
    #gone = false;
    #heard = 0; // what the stream tells is newer than an answer that was asked for before

    constructor(id) {
        this.id = id;
        this.badge = badge("unknown");
        this.title = h("h1", { tabindex: "-1" }, id);
        this.flag = h("span", { class: "flag", hidden: true }, "kill requested");
        this.bar = bar();
        this.facts = h("dl", { class: "facts" });
        this.kill = h("button", { type: "button", on: { click: () => this.#kill() } }, "Request kill…");
        this.remove = h(
            "button",
            { type: "button", class: "danger-text", on: { click: () => this.#delete() } },
            "Delete…",
        );
        this.same = h("a", { class: "button", hidden: true }, "Others of this name");
        this.state = h("div", { class: "state", role: "status", data: { kind: "loading" } }, "Loading…");
        this.content = h("div", { class: "detail-content", hidden: true });
        this.main = h("div", {});
        this.side = h("div", {});
        this.parts = h("div", { class: "parts" }, this.main, this.side);
        this.element = h(
            "article",
            { class: "detail-view" },
            h("p", { class: "crumbs" }, h("a", { href: "#/", id: "back-to-list" }, "← All statuses")),
            this.state,
            this.content,
        );
        this.content.append(
            h(
                "header",
                { class: "detail-head panel" },
                h("div", { class: "detail-title" }, this.title, this.badge, this.flag),
                this.bar.element,
                this.facts,
                h(
                    "div",
                    { class: "detail-tools" },
                    this.kill,
                    this.remove,
                    h("span", { class: "grow" }),
                    this.same,
                    h(
                        "a",
                        { class: "button", href: href(statusPath(id)), target: "_blank", rel: "noopener" },
                        "JSON",
                    ),
                ),
            ),
            this.parts,
        );
        this.feed = new Feed(statusPath(id, "/events"), [], {
            reload: () => this.#load(),
            status: (status) => {
                this.#heard++;
                this.#show(status);
            },
            deleted: () => {
                this.#heard++;
                this.#showGone("This status has been deleted.");
            },
        });
        this.retry = soon(15_000, () => this.#load());
        this.timer = setInterval(() => this.#tick(), 1000);
        this.feed.start();
        this.#load();
    }

    /** Where the list was. */
    setBack(hash) {
        this.element.querySelector("#back-to-list").href = hash;
    }

    async #load() {
        if (this.#paused && this.#status) return;
        const heard = this.#heard;
        try {
            const status = await ask("GET", statusPath(this.id));
            if (heard === this.#heard) this.#show(status);
        } catch (error) {
            if (heard === this.#heard) this.#fail(error);
        }
    }

    #fail(error) {
        if (error instanceof Problem && error.type === "status-not-found") {
            this.#showGone(
                this.#status ? "This status has been deleted." : "There is no status with this id.",
            );
            return;
        }
        if (this.#status) return; // the banner tells
        const [title, lines] = explain(error);
        this.#say("error", h("p", { class: "strong" }, title), ...lines.map((line) => h("p", {}, line)));
        this.retry();
    }

    #say(kind, ...content) {
        this.state.dataset.kind = kind;
        this.state.replaceChildren(...content);
    }

    #showGone(text) {
        this.#gone = true;
        this.#say("empty", h("p", { class: "strong" }, text), h("p", { class: "id" }, this.id));
        this.content.dataset.gone = "true";
        this.kill.disabled = this.remove.disabled = true;
    }

    #show(status) {
        if (this.#paused && this.#status) return;
        const isFirst = !this.#status;
        if (this.#gone) {
            this.#gone = false;
            this.content.dataset.gone = "false";
        }
        this.#status = status;
        this.content.hidden = false;
        this.#say("");
        setText(this.title, status.job_name ?? "unnamed");
        this.same.hidden = status.job_name === null;
        this.same.href = listHash(new URLSearchParams([["job_name", status.job_name ?? ""]]));
        document.title = `${status.state}: ${status.job_name ?? status.id} · jobbad`;
        setBadge(this.badge, status.state);
        setBar(this.bar, status);
        this.flag.hidden = !status.kill_requested || status.state === "killed";
        this.kill.disabled = status.kill_requested;
        this.remove.disabled = false;
        this.#showParts();
        this.#tick();
        if (this.#attemptsOf !== status.attempt) this.#loadAttempts(status.attempt);
        if (isFirst) this.title.focus({ preventScroll: true });
    }

    async #loadAttempts(attempt) {
        this.#attemptsOf = attempt;
        if (!attempt || this.id.includes(":")) return;
        try {
            const { attempts } = await ask("GET", statusPath(this.id, "/attempts"));
            this.#attempts = attempts;
            this.#showParts();
        } catch {
            this.#attemptsOf = null; // with the next change
        }
    }

    #makers = [
        ["main", (status) => status.errors, errorsPart],
        ["main", (status) => status.data, dataPart],
        ["main", () => this.#attempts, () => attemptsPart(this.#attempts)],
        ["side", (status) => TIME_KEYS.map((key) => status[key]), timesPart],
        ["side", (status) => status.job_args, argsPart],
    ];
    #made = []; // of each maker: { of: what it shows, as text; element }

    /** Only parts that differ are made anew, so that a selection, the focus and what is open stay. */
    #showParts() {
        this.#makers.forEach(([, what, make], i) => {
            const of = JSON.stringify(what(this.#status));
            if (this.#made[i]?.of !== of) this.#made[i] = { of, element: make(this.#status) };
        });
        for (const name of ["main", "side"]) {
            const wanted = this.#made
                .filter(({ element }, i) => element && this.#makers[i][0] === name)
                .map(({ element }) => element);
            const column = this[name];
            const isSame =
                column.children.length === wanted.length &&
                wanted.every((element, i) => column.children[i] === element);
            if (!isSame) column.replaceChildren(...wanted);
        }
    }

    #facts() {
        const status = this.#status;
        const text = [
            ["Id", status.id],
            ["Provider's id", status.provider_job_id === null ? "" : String(status.provider_job_id)],
            ["Waited", spanText(waited(status))],
            ["Ran for", spanText(ran(status))],
            ["Recorded", status.recorded_at ? ago(status.recorded_at) : ""],
            ["Attempt", String(status.attempt)],
            ["Revision", String(status.rev ?? "")],
        ];
        return text.filter(([, value]) => value !== "");
    }

    #tick() {
        if (!this.#status || document.hidden) return;
        const facts = this.#facts();
        const names = facts.map(([name]) => name).join();
        if (this.facts.dataset.names !== names) {
            this.facts.dataset.names = names;
            this.facts.replaceChildren(
                ...facts.map(([name]) => h("div", {}, h("dt", {}, name), h("dd", { data: { fact: name } }))),
            );
        }
        for (const [name, value] of facts) {
            const element = this.facts.querySelector(`[data-fact="${name}"]`);
            if (name !== "Provider's id") setText(element, value);
            else if (element.textContent !== value)
                element.replaceChildren(filterLink("provider_job_id", value));
        }
    }

    async #kill() {
        const status = await killOne(this.#status);
        if (status) this.#show(status);
    }

    async #delete() {
        if (await deleteOne(this.#status)) this.#showGone("This status has been deleted.");
    }

    reload() {
        this.#load();
    }

    pause(paused) {
        this.#paused = paused;
        if (!paused) this.#load();
    }

    sleep() {
        this.feed.stop();
    }

    wake() {
        this.feed.wake();
        this.feed.start();
    }

    stop() {
        this.sleep();
        this.retry.cancel();
        clearInterval(this.timer);
    }
}
