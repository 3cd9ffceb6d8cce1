// The list: counts, filter, a page of rows that stays up to date, and what can be done with all that match.

import { deleteMatching, killMatching } from "./actions.js";
import { ask, explain } from "./api.js";
import { connection } from "./connection.js";
import { Counts } from "./counts.js";
import { h, setText, soon } from "./dom.js";
import {
    changed,
    DEFAULT_LIMIT,
    DEFAULT_SORT,
    filtersOf,
    listHash,
    PAGE_SIZES,
    paramsNow,
    sortOf,
    timeKeyOf,
} from "./filters.js";
import { FilterForm } from "./form.js";
import { TIMES } from "./format.js";
import { Feed } from "./live.js";
import { Row } from "./row.js";

const FIELDS = [
    "id",
    "state",
    "progress",
    "errors",
    "job_name",
    "job_args",
    "attempt",
    ...TIMES,
    "rev",
    "completed",
    "kill_requested",
].join(",");

const SORTS = [
    "recorded_at",
    "queued_at",
    "started_at",
    "succeeded_at",
    "failed_at",
    "killed_at",
    "id",
].flatMap((key) =>
    key === "id"
        ? [
              ["id", "id, a to z"],
              ["-id", "id, z to a"],
          ]
        : [
              [`-${key}`, `${key.replace("_at", "")}, newest first`],
              [key, `${key.replace("_at", "")}, oldest first`],
          ],
);

// A stream tells that a status has left the filter, or is gone, only if it has told of it before. It begins with as many as
// a page has, the newest first; of rows that came another way the page itself is asked now and then.
const AGAIN_MS = 10_000;
const AGAIN_ELSEWHERE_MS = 4_000;

/** Before or after, in the order of the list. */
function compare(a, b, { key, descending }) {
    const order = a[key] < b[key] ? -1 : a[key] > b[key] ? 1 : a.id < b.id ? -1 : a.id > b.id ? 1 : 0;
    return descending ? -order : order;
}

export class ListView {
    #params = null;
    #rows = new Map();
    #next = null;
    #feed = null;
    #news = new Map(); // id -> status, or null for one that is gone
    #loading = null;
    #meanwhile = new Map(); // news since the page that is loading was asked for: they are newer
    #paused = false;
    #missed = false;
    focusWhenFilled = null; // id of the row that the reader comes back from

    constructor() {
        this.counts = new Counts();
        this.form = new FilterForm();
        this.list = h("ol", { class: "rows", "aria-label": "Statuses" });
        this.state = h("div", { class: "state", role: "status" });
        this.sort = h(
            "select",
            {
                on: {
                    change: () =>
                        this.#go({ sort: this.sort.value === DEFAULT_SORT ? null : this.sort.value }),
                },
            },
            ...SORTS.map(([value, text]) => h("option", { value }, text)),
        );
        this.limit = h(
            "select",
            {
                on: {
                    change: () =>
                        this.#go({ limit: this.limit.value === DEFAULT_LIMIT ? null : this.limit.value }),
                },
            },
            ...PAGE_SIZES.map((n) => h("option", { value: String(n) }, `${n} a page`)),
        );
        this.back = h("button", { type: "button", on: { click: () => this.goBack() } }, "← Back");
        this.newest = h("a", { class: "button" }, "First page");
        this.forward = h("a", { class: "button", rel: "next" }, "Next →");
        this.kill = h(
            "button",
            { type: "button", on: { click: () => this.#many(killMatching) } },
            "Request kill of all…",
        );
        this.remove = h(
            "button",
            { type: "button", class: "danger-text", on: { click: () => this.#many(deleteMatching) } },
            "Delete all…",
        );
        this.timeHead = h("span", {});
        this.element = h(
            "div",
            { class: "list-view" },
            h("h1", { class: "hidden" }, "Statuses"),
            this.counts.element,
            this.form.element,
            h(
                "div",
                { class: "toolbar" },
                h("label", { class: "inline" }, h("span", {}, "Sort by"), this.sort),
                h("label", { class: "inline" }, h("span", { class: "hidden" }, "Page size"), this.limit),
                h("span", { class: "grow" }),
                this.kill,
                this.remove,
            ),
            h(
                "div",
                { class: "head", "aria-hidden": "true" },
                h("span", {}, "State"),
                h("span", {}, "Job"),
                h("span", {}, "Progress"),
                this.timeHead,
                h("span", { class: "ran" }, "Ran for"),
            ),
            this.list,
            this.state,
            h(
                "nav",
                { class: "pages", "aria-label": "Pages" },
                this.back,
                this.newest,
                h("span", { class: "grow" }),
                this.forward,
            ),
        );
        this.flush = soon(60, () => requestAnimationFrame(() => this.#apply()));
        this.refill = soon(900, () => this.#load());
        this.timer = setInterval(() => this.#tick(), 1000);
        this.again = null;
    }

    // ---- what is shown ----

    show(params) {
        const isOther = String(params) !== String(this.#params);
        if (!isOther) return;
        this.#params = params;
        this.#news.clear();
        this.sort.value = params.get("sort") || DEFAULT_SORT;
        this.limit.value = params.get("limit") || DEFAULT_LIMIT;
        setText(
            this.timeHead,
            timeKeyOf(params)
                .replace("_at", "")
                .replace(/^./, (c) => c.toUpperCase()),
        );
        this.form.show(params);
        this.counts.show(params);
        this.back.disabled = this.newest.hidden = !params.get("cursor");
        this.newest.href = listHash(changed(params, {}));
        this.#clear();
        this.#say("loading", "Loading…");
        this.#follow();
        this.#load();
    }

    #isUsualFirstPage() {
        return !this.#params.get("cursor") && (this.#params.get("sort") || DEFAULT_SORT) === DEFAULT_SORT;
    }

    /** Streams tell of changes; what is on the page is read again whenever one begins. */
    #follow() {
        clearInterval(this.again);
        this.again = setInterval(
            () => this.#loadAgain(),
            this.#isUsualFirstPage() ? AGAIN_MS : AGAIN_ELSEWHERE_MS,
        );
        this.#feed?.stop();
        const first = this.#params.get("cursor") ? "0" : this.#params.get("limit") || DEFAULT_LIMIT;
        this.#feed = new Feed("events", [...filtersOf(this.#params), ["limit", first]], {
            reload: () => this.#load(),
            status: (status) => this.#note(status.id, status),
            deleted: (id) => this.#note(id, null),
            unmatched: (id) => this.#note(id, null),
        });
        this.#feed.start();
    }

    #query() {
        const query = [
            ...filtersOf(this.#params),
            ["limit", this.#params.get("limit") || DEFAULT_LIMIT],
            ["fields", FIELDS],
        ];
        for (const name of ["sort", "cursor"])
            if (this.#params.get(name)) query.push([name, this.#params.get(name)]);
        return query;
    }

    #loadAgain() {
        if (!document.hidden && !connection.lost && !this.#loading && this.#rows.size) this.#load();
    }

    async #load() {
        if (this.#paused && this.#rows.size) {
            this.#missed = true;
            return;
        }
        this.#loading?.abort();
        const loading = (this.#loading = new AbortController());
        this.#meanwhile.clear();
        try {
            const page = await ask("GET", "statuses", this.#query(), loading.signal);
            if (loading !== this.#loading) return;
            this.#loading = null;
            this.#fill(page);
            for (const [id, status] of this.#meanwhile) this.#note(id, status);
            this.counts.soon();
        } catch (error) {
            if (loading !== this.#loading || loading.signal.aborted) return;
            this.#loading = null;
            this.#fail(error);
        }
    }

    /** A page that was read: rows that stay keep their elements, and so their focus. */
    #fill({ statuses, next_cursor }) {
        const keep = new Set(statuses.map(({ id }) => id));
        for (const id of this.#rows.keys()) if (!keep.has(id)) this.#drop(id);
        let place = this.list.firstElementChild;
        for (const status of statuses) {
            const row = this.#rowOf(status);
            if (row.element === place) place = place.nextElementSibling;
            else this.list.insertBefore(row.element, place);
        }
        this.#next = next_cursor;
        if (this.focusWhenFilled) this.focusRow(this.focusWhenFilled);
        this.focusWhenFilled = null;
        this.form.suggest(statuses.map(({ job_name }) => job_name));
        this.#settle();
    }

    #rowOf(status) {
        const known = this.#rows.get(status.id);
        if (known) known.update(status);
        const row = known ?? new Row(status, timeKeyOf(this.#params));
        this.#rows.set(status.id, row);
        return row;
    }

    #drop(id) {
        const element = this.#rows.get(id)?.element;
        if (element?.contains(document.activeElement)) {
            const other = element.nextElementSibling ?? element.previousElementSibling;
            other?.querySelector("a")?.focus();
        }
        element?.remove();
        this.#rows.delete(id);
    }

    #clear() {
        this.#rows.clear();
        this.list.replaceChildren();
        this.#next = null;
        this.#settlePages();
    }

    #settlePages() {
        const hasNext = Boolean(this.#next);
        this.forward.hidden = !hasNext;
        if (hasNext) this.forward.href = listHash(changed(this.#params, { cursor: this.#next }));
        else this.forward.removeAttribute("href");
        this.kill.disabled = this.remove.disabled = !this.#rows.size;
    }

    #settle() {
        this.#settlePages();
        if (this.#rows.size) this.#say("", "");
        else this.#sayEmpty();
    }

    // ---- states of the whole list ----

    #say(kind, ...content) {
        this.state.dataset.kind = kind;
        this.state.replaceChildren(...content.filter(Boolean));
        this.list.dataset.old = String(kind === "error");
    }

    #sayEmpty() {
        if (this.#params.get("cursor")) this.#say("empty", h("p", {}, "Nothing on this page any more."));
        else if (filtersOf(this.#params).length)
            this.#say(
                "empty",
                h("p", {}, "No status matches the filter."),
                h("p", {}, h("a", { href: "#/" }, "Show all")),
            );
        else
            this.#say(
                "empty",
                h("p", {}, "No jobs yet. Create a status and it appears here:"),
                h(
                    "pre",
                    { class: "json", tabindex: "0" },
                    `curl -d '{"job_name":"Import"}' ${location.origin}/statuses`,
                ),
            );
    }

    #fail(error) {
        const [title, lines] = explain(error);
        this.#say(
            "error",
            h("p", { class: "strong" }, title),
            ...lines.map((line) => h("p", {}, line)),
            h("p", {}, h("button", { type: "button", on: { click: () => this.#load() } }, "Try again")),
        );
    }

    // ---- news ----

    #note(id, status) {
        this.#news.set(id, status);
        if (this.#loading) this.#meanwhile.set(id, status);
        if (this.#paused) this.#missed = true;
        else this.flush();
    }

    #apply() {
        if (this.#paused) return;
        let recount = false;
        for (const [id, status] of this.#news) {
            const row = this.#rows.get(id);
            recount ||= !status || !row || row.status.state !== status.state;
            if (row && (!status || status[sortOf(this.#params).key] === null)) this.#leave(id);
            else if (row) this.#change(row, status);
            else if (status) this.#enter(status);
        }
        this.#news.clear();
        this.#settle();
        if (recount) this.counts.soon();
    }

    #leave(id) {
        this.#drop(id);
        if (this.#next) this.refill();
    }

    #change(row, status) {
        const order = sortOf(this.#params);
        const moved = row.status[order.key] !== status[order.key];
        row.update(status);
        if (moved) this.#place(row);
    }

    /** A new one, where it belongs; only on the first page, whose beginning is the beginning of all. */
    #enter(status) {
        const order = sortOf(this.#params);
        if (this.#params.get("cursor") || status[order.key] === null) return;
        const last = this.#rows.get(this.list.lastElementChild?.dataset.id);
        if (this.#next && last && compare(status, last.status, order) > 0) return; // on a later page
        this.#place(this.#rowOf(status));
        if (this.#rows.size <= Number(this.#params.get("limit") || DEFAULT_LIMIT)) return;
        this.#drop(this.list.lastElementChild.dataset.id);
        this.refill(); // for the cursor to what is now the next page
    }

    #place(row) {
        const order = sortOf(this.#params);
        row.element.remove();
        const behind = [...this.list.children].find(
            (element) => compare(this.#rows.get(element.dataset.id).status, row.status, order) > 0,
        );
        this.list.insertBefore(row.element, behind ?? null);
    }

    #tick() {
        if (!document.hidden) for (const row of this.#rows.values()) row.tick();
    }

    // ---- what people do ----

    #go(changes) {
        location.hash = listHash(changed(paramsNow(), changes));
    }

    /** Pages are steps in the browser's history; a page that was opened by its URL has none before it. */
    goBack() {
        if (!this.#params.get("cursor")) return;
        if (history.state?.jobbad) history.back();
        else location.hash = this.newest.hash;
    }

    goForward() {
        if (!this.forward.hidden) location.hash = this.forward.hash;
    }

    async #many(action) {
        if (await action(filtersOf(this.#params))) this.#load();
    }

    reload() {
        this.#load();
    }

    pause(paused) {
        this.#paused = paused;
        if (paused || !this.#missed) return;
        this.#missed = false;
        this.#news.clear();
        this.#load();
    }

    focusFilter() {
        this.form.focus();
    }

    /** j and k. */
    move(step) {
        const rows = [...this.list.children];
        const at = rows.findIndex((row) => row.contains(document.activeElement));
        const next = rows[at < 0 ? 0 : Math.min(rows.length - 1, Math.max(0, at + step))];
        next?.querySelector("a").focus();
    }

    focusRow(id) {
        this.#rows.get(id)?.link.focus();
    }

    /** Out of sight: nothing is asked meanwhile. */
    sleep() {
        this.#feed?.stop();
    }

    wake() {
        this.#feed?.wake();
        this.#feed?.start();
        this.counts.refresh();
    }

    stop() {
        this.sleep();
        this.#loading?.abort();
        this.counts.stop();
        this.flush.cancel();
        this.refill.cancel();
        clearInterval(this.timer);
        clearInterval(this.again);
    }
}
