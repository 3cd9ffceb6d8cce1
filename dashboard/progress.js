// <jobbad-progress status="ID">: the progress of one job, for any page.
//
//   <script src="https://jobs.example/progress.js" async></script>
//   <jobbad-progress status="5d9c2f6e-..." label="Import"></jobbad-progress>
//
// Attributes: status; label; src, the service, by default where this script came from. A page of another origin needs
// the service's setting allowed_origins. Its look can be changed from outside: see docs/dashboard.md.

(() => {
    if (customElements.get("jobbad-progress")) return;

    const HOME = new URL(".", document.currentScript?.src ?? location.href).href;
    const FIELDS = "id,state,progress,kill_requested,completed";
    const RETRY_MS = 500;
    const RETRY_MAX_MS = 15_000;
    const POLL_MS = 3000;
    const UNKNOWN_MS = 10_000; // so often an id that is not known is asked for again
    const IDS_PER_STREAM = 100; // the request's line has a limit
    const REFUSALS_TO_POLL = 2;
    const TERMINAL = new Set(["succeeded", "failed", "killed"]);
    const WORDS = {
        connecting: "connecting",
        unqueued: "not queued",
        queued: "queued",
        started: "running",
        succeeded: "succeeded",
        failed: "failed",
        killed: "killed",
        unknown: "state unknown",
        missing: "no such job",
        lost: "connection lost",
        none: "no job given",
    };

    const jitter = (ms) => ms * (0.75 + Math.random() / 2);

    // ---- the service: one stream for all bars of a page, as a browser has only six connections for each ----

    class Hub {
        #bars = new Map(); // id -> Set of elements
        #known = new Map(); // id -> the last status
        #source = null;
        #timer = null;
        #plan = null;
        #delay = RETRY_MS;
        #refusals = 0;

        constructor(service) {
            this.service = service;
        }

        add(id, bar) {
            if (!this.#bars.has(id)) this.#bars.set(id, new Set());
            this.#bars.get(id).add(bar);
            if (this.#known.has(id)) bar.show(this.#known.get(id));
            this.#replan();
        }

        remove(id, bar) {
            const bars = this.#bars.get(id);
            bars?.delete(bar);
            if (bars?.size) return;
            this.#bars.delete(id);
            this.#known.delete(id);
            this.#replan();
        }

        /** Bars come and go many at a time. */
        #replan() {
            this.#plan ??= setTimeout(() => {
                this.#plan = null;
                this.#close();
                this.#open();
            }, 20);
        }

        #close() {
            clearTimeout(this.#timer);
            for (const source of this.#source ?? []) source.close();
            this.#source = null;
        }

        #later(ms, work) {
            clearTimeout(this.#timer);
            this.#timer = setTimeout(() => work.call(this), ms);
        }

        /** Ids that may still change. */
        #open_ids() {
            return [...this.#bars.keys()].filter((id) => !TERMINAL.has(this.#known.get(id)?.state));
        }

        #tell(id, what) {
            for (const bar of this.#bars.get(id) ?? []) bar.show(what);
        }

        #take(status) {
            if (!this.#bars.has(status.id)) return;
            this.#known.set(status.id, status);
            this.#tell(status.id, status);
            if (!this.#open_ids().length) this.#close();
        }

        #urlOf(ids) {
            const path = ids.length === 1 ? `statuses/${encodeURIComponent(ids[0])}/events` : "events";
            const url = new URL(path, this.service);
            if (ids.length === 1) url.searchParams.set("until", "terminal");
            else {
                url.searchParams.set("id", ids.join(","));
                url.searchParams.set("limit", String(ids.length));
            }
            return url;
        }

        #open() {
            const ids = this.#open_ids();
            if (!ids.length) return;
            this.#source = [];
            for (let i = 0; i < ids.length; i += IDS_PER_STREAM)
                this.#openOne(ids.slice(i, i + IDS_PER_STREAM));
        }

        #openOne(ids) {
            const source = new EventSource(this.#urlOf(ids));
            this.#source.push(source);
            const seen = new Set();
            const on = (name, work) =>
                source.addEventListener(
                    name,
                    (event) => this.#source?.includes(source) && work(JSON.parse(event.data)),
                );
            on("status", (status) => {
                seen.add(status.id);
                this.#take(status);
            });
            on("ready", () => {
                this.#delay = RETRY_MS;
                this.#refusals = 0;
                for (const id of ids)
                    if (!seen.has(id) && !this.#known.has(id)) this.#tell(id, { state: "missing" });
            });
            for (const name of ["deleted", "unmatched"])
                on(name, ({ id }) => {
                    this.#known.delete(id);
                    this.#tell(id, { state: "missing" });
                });
            source.onerror = () => this.#broken(source);
        }

        /** An end, an id that is not known, a service without streams, no service: only asking tells. */
        async #broken(source) {
            if (!this.#source?.includes(source)) return;
            this.#close();
            const found = await this.#read();
            if (this.#source || this.#plan || !this.#open_ids().length) return;
            if (found === "lost") {
                this.#later(jitter(this.#delay), this.#open);
                this.#delay = Math.min(this.#delay * 2, RETRY_MAX_MS);
                return;
            }
            this.#delay = RETRY_MS;
            if (found === "missing") this.#later(jitter(UNKNOWN_MS), this.#open);
            else if (++this.#refusals >= REFUSALS_TO_POLL) this.#poll();
            else this.#later(jitter(RETRY_MS), this.#open);
        }

        async #poll() {
            const found = await this.#read();
            if (this.#source || this.#plan || !this.#open_ids().length) return;
            this.#later(jitter(found === "missing" ? UNKNOWN_MS : POLL_MS), this.#poll);
        }

        /** "ok", "missing" when no id is known, "lost" */
        async #read() {
            const results = await Promise.all(this.#open_ids().map((id) => this.#readOne(id)));
            if (results.includes("lost")) return "lost";
            return results.length && results.every((result) => result === "missing") ? "missing" : "ok";
        }

        async #readOne(id) {
            const url = new URL(`statuses/${encodeURIComponent(id)}`, this.service);
            url.searchParams.set("fields", FIELDS);
            try {
                const response = await fetch(url, {
                    headers: { Accept: "application/json" },
                    cache: "no-store",
                    credentials: "omit",
                });
                if (response.ok) {
                    const status = await response.json();
                    if (!this.#source) this.#take(status); // a stream that was opened meanwhile knows better
                    return "ok";
                }
                if (response.status !== 404 && response.status !== 422)
                    throw new Error(`HTTP ${response.status}`);
                this.#known.delete(id);
                this.#tell(id, { state: "missing" });
                return "missing";
            } catch {
                this.#tell(id, { state: "lost" });
                return "lost";
            }
        }
    }

    const hubs = new Map();

    function hubOf(service) {
        if (!hubs.has(service)) hubs.set(service, new Hub(service));
        return hubs.get(service);
    }

    // ---- the look: a constructed style sheet, which no page's Content-Security-Policy forbids ----

    const sheet = new CSSStyleSheet();
    sheet.replaceSync(`
    :host {
      display: block;
      font: var(--jobbad-font, inherit);
      color: var(--jobbad-color, inherit);
      font-variant-numeric: tabular-nums;
    }
    :host([hidden]) { display: none; }
    .line { display: flex; gap: 0.75em; justify-content: space-between; margin-bottom: 0.25em; }
    .label { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; font-weight: 600; }
    .text { white-space: nowrap; }
    .track {
      height: var(--jobbad-height, 0.6em);
      border-radius: var(--jobbad-radius, 99px);
      background: var(--jobbad-track, rgb(128 140 155 / 30%));
      overflow: hidden;
    }
    .fill {
      height: 100%;
      border-radius: inherit;
      background: var(--jobbad-fill, #2f6fd6);
      transform: translateX(calc((var(--share, 0) - 1) * 100%));
      transition: transform 0.25s ease-out;
    }
    :host(:dir(rtl)) .fill { transform: translateX(calc((1 - var(--share, 0)) * 100%)); }
    .track[data-state="succeeded"] .fill { background: var(--jobbad-succeeded, #1f8a4f); }
    .track[data-state="failed"] { background: var(--jobbad-failed-track, rgb(200 50 40 / 25%)); }
    .track[data-state="failed"] .fill { background: var(--jobbad-failed, #c63a30); }
    .track[data-state="killed"] .fill { background: var(--jobbad-killed, #a5631a); }
    .track[data-lost] { opacity: 0.5; }
    @media (prefers-reduced-motion: reduce) { .fill { transition: none; } }
    @media (forced-colors: active) {
      .track { border: 1px solid CanvasText; }
      .fill { background: Highlight !important; forced-color-adjust: none; }
    }
  `);

    function make(name, attributes = {}) {
        const element = document.createElement("div");
        element.className = name;
        element.setAttribute("part", name);
        for (const [attribute, value] of Object.entries(attributes)) element.setAttribute(attribute, value);
        return element;
    }

    class JobbadProgress extends HTMLElement {
        static observedAttributes = ["status", "src", "label"];
        #track = make("track", { role: "progressbar", "aria-valuemin": "0", "aria-valuemax": "100" });
        #fill = make("fill");
        #label = make("label");
        #text = make("text");
        #status = null; // the last that was read
        #hub = null;
        #id = null;

        constructor() {
            super();
            const root = this.attachShadow({ mode: "open" });
            root.adoptedStyleSheets = [sheet];
            const line = make("line", { "aria-hidden": "true" });
            line.append(this.#label, this.#text);
            this.#track.append(this.#fill);
            root.append(line, this.#track);
        }

        connectedCallback() {
            this.#follow();
        }

        disconnectedCallback() {
            this.#hub?.remove(this.#id, this);
            this.#hub = null;
        }

        attributeChangedCallback(name, before, after) {
            if (!this.isConnected || before === after) return;
            if (name === "label") this.show(this.#status ?? { state: "connecting" });
            else this.#follow();
        }

        #follow() {
            this.#hub?.remove(this.#id, this);
            this.#hub = null;
            this.#status = null;
            this.#id = this.getAttribute("status");
            this.show({ state: this.#id ? "connecting" : "none" });
            if (!this.#id) return;
            const src = this.getAttribute("src");
            this.#hub = hubOf(new URL(src ? src.replace(/\/?$/, "/") : HOME, location.href).href);
            this.#hub.add(this.#id, this);
        }

        /** A status, or { state } of what is wrong. For the hub. */
        show(status) {
            const isLost = status.state === "lost";
            const shown = isLost ? (this.#status ?? { state: "connecting" }) : status;
            if (!isLost) this.#status = status;
            const share = Math.min(1, Math.max(0, Number(shown.progress) || 0));
            const percent = share === 1 ? 100 : Math.min(99, Math.floor(share * 100));
            const word = WORDS[isLost ? "lost" : shown.state] ?? String(shown.state);
            const kill =
                shown.kill_requested && !TERMINAL.has(shown.state) && !isLost ? ", kill requested" : "";
            const hasProgress = shown.progress !== undefined;
            const text = `${word}${kill}${hasProgress ? ` · ${percent}%` : ""}`;
            const label = this.getAttribute("label") ?? "";
            this.#track.dataset.state = shown.state;
            this.#track.toggleAttribute("data-lost", isLost);
            this.#track.setAttribute("aria-label", label || "Progress");
            this.#track.setAttribute("aria-valuetext", text.replace(" · ", ", "));
            if (hasProgress) this.#track.setAttribute("aria-valuenow", String(percent));
            else this.#track.removeAttribute("aria-valuenow");
            this.#fill.style.setProperty("--share", String(share));
            if (this.#label.textContent !== label) this.#label.textContent = label;
            if (this.#text.textContent !== text) this.#text.textContent = text;
            this.#announce(isLost ? "lost" : shown.state);
        }

        /** The state, for styles of the page (`jobbad-progress[state=failed]`) and for its scripts. */
        #announce(state) {
            if (this.getAttribute("state") === state) return;
            this.setAttribute("state", state);
            this.dispatchEvent(
                new CustomEvent("jobbad-state", {
                    bubbles: true,
                    composed: true,
                    detail: { state, status: this.#status },
                }),
            );
        }
    }

    customElements.define("jobbad-progress", JobbadProgress);
})();
