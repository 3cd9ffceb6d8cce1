// How many there are in each state, each a link that filters by it.

import { ask } from "./api.js";
import { connection } from "./connection.js";
import { h, setText, soon } from "./dom.js";
import { changed, filtersOf, listHash } from "./filters.js";
import { STATES } from "./format.js";

const EVERY_MS = 5000;
const COST_FACTOR = 20; // counting takes at most a 20th of the time

/** Of what has ended, what ended last is asked for: it may have been recorded long ago. */
const SORTS = { succeeded: "-succeeded_at", failed: "-failed_at", killed: "-killed_at" };

/** The order that a link to a state leads to: that of the state, unless another one was chosen. */
function sortFor(state, params) {
    const sort = params.get("sort");
    return sort && sort !== SORTS[params.get("state")] ? sort : (SORTS[state] ?? null);
}

export class Counts {
    #params = new URLSearchParams();
    #links = new Map();
    #timer = null;
    #busy = false;
    #stopped = false;

    constructor() {
        this.element = h("nav", { class: "counts", "aria-label": "Statuses by state" });
        for (const state of ["", ...STATES]) {
            const number = h("b", { class: "count" }, "–");
            const link = h(
                "a",
                { class: "state-link", data: { state: state || "all" } },
                h("span", {}, state || "all"),
                number,
            );
            this.#links.set(state, { link, number });
            this.element.append(link);
        }
        this.soon = soon(400, () => this.refresh());
    }

    show(params) {
        this.#params = params;
        for (const [state, { link }] of this.#links) {
            link.href = listHash(changed(params, { state, sort: sortFor(state, params) }));
            const isCurrent = (params.get("state") ?? "") === state;
            if (isCurrent) link.setAttribute("aria-current", "true");
            else link.removeAttribute("aria-current");
        }
        this.refresh();
    }

    async refresh() {
        if (this.#busy || this.#stopped) return;
        this.#busy = true;
        clearTimeout(this.#timer);
        const began = performance.now();
        try {
            if (!document.hidden && !connection.lost) await this.#count(this.#params);
        } catch {
            // the list tells what is wrong
        }
        this.#busy = false;
        if (this.#stopped) return;
        this.#timer = setTimeout(
            () => this.refresh(),
            Math.max(EVERY_MS, (performance.now() - began) * COST_FACTOR),
        );
    }

    async #count(params) {
        const filters = filtersOf(params).filter(([name]) => name !== "state");
        const counts = await Promise.all(
            [...this.#links.keys()].map((state) =>
                ask("GET", "statuses:count", state ? [...filters, ["state", state]] : filters),
            ),
        );
        if (params !== this.#params) {
            this.soon();
            return;
        }
        [...this.#links.values()].forEach(({ link, number }, i) => {
            const { count } = counts[i];
            setText(number, count.toLocaleString("en"));
            link.dataset.empty = String(count === 0);
        });
    }

    stop() {
        this.#stopped = true;
        clearTimeout(this.#timer);
        this.soon.cancel();
    }
}
