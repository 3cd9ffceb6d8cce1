// One status as a line of the list; made once, then kept up to date.

import { h, setText } from "./dom.js";
import { statusHash } from "./filters.js";
import { ago, errorText, localTime, percent, ran, spanText, zone } from "./format.js";

export const badge = (state) => h("span", { class: "badge", data: { state } }, state);

export function setBadge(element, state) {
    element.dataset.state = state;
    setText(element, state);
}

export function bar() {
    const fill = h("span", { class: "fill" });
    const number = h("span", { class: "number" });
    const track = h(
        "span",
        {
            class: "track",
            role: "progressbar",
            "aria-valuemin": "0",
            "aria-valuemax": "100",
            "aria-label": "Progress",
        },
        fill,
    );
    return { element: h("span", { class: "bar" }, track, number), track, fill, number };
}

export function setBar({ element, track, fill, number }, { state, progress }) {
    const value = percent(progress);
    element.dataset.state = state;
    fill.style.setProperty("--share", value / 100);
    track.setAttribute("aria-valuenow", value);
    setText(number, `${value}%`);
}

/** A time in the reader's zone; UTC, to the microsecond, in its title. */
export function timeElement(time, text = localTime(time)) {
    return h("time", { datetime: time, title: `${localTime(time)} ${zone}\n${time}` }, text);
}

const argsText = (args) =>
    Object.entries(args ?? {})
        .map(([name, value]) => `${name}=${value}`)
        .join("  ");

export class Row {
    constructor(status, timeKey) {
        this.timeKey = timeKey;
        this.badge = badge(status.state);
        this.kill = h("span", { class: "flag" }, "kill requested");
        this.attempt = h("span", { class: "flag quiet" });
        this.name = h("span", { class: "name" });
        this.link = h("a", { class: "open", href: statusHash(status.id) }, this.name);
        this.id = h("span", { class: "id" }, status.id);
        this.args = h("span", { class: "args" });
        this.error = h("p", { class: "error" });
        this.bar = bar();
        this.time = h("time", {});
        this.ran = h("span", { class: "ran" });
        this.element = h(
            "li",
            { class: "row", data: { id: status.id } },
            this.badge,
            h(
                "div",
                { class: "job" },
                h("div", { class: "title" }, this.link, this.attempt, this.kill),
                h("div", { class: "sub" }, this.id, this.args),
                this.error,
            ),
            this.bar.element,
            this.time,
            this.ran,
        );
        this.update(status);
    }

    update(status) {
        this.status = status;
        this.element.dataset.state = status.state;
        setBadge(this.badge, status.state);
        setBar(this.bar, status);
        setText(this.name, status.job_name ?? "unnamed");
        this.name.classList.toggle("unnamed", status.job_name === null);
        setText(this.args, argsText(status.job_args));
        this.kill.hidden = !status.kill_requested || status.state === "killed";
        this.attempt.hidden = !status.attempt;
        setText(this.attempt, `attempt ${status.attempt}`);
        const last = status.errors?.at?.(-1);
        this.error.hidden = last === undefined;
        setText(this.error, last === undefined ? "" : errorText(last).slice(0, 500));
        this.#setTime(status[this.timeKey]);
        this.tick();
    }

    #setTime(time) {
        if (this.time.dateTime === (time ?? "")) return;
        this.time.dateTime = time ?? "";
        this.time.title = time ? `${localTime(time)} ${zone}\n${time}` : "";
    }

    /** What changes by itself. */
    tick() {
        const time = this.status[this.timeKey];
        setText(this.time, time ? ago(time) : "");
        setText(this.ran, spanText(ran(this.status)));
    }
}
