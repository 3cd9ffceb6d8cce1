// News of statuses: by an event stream, or by asking now and then where there is none. Whoever listens reads all of it
// again whenever a stream begins, so nothing that happened while it was away is missed.

import { ask, href } from "./api.js";
import { connection } from "./connection.js";
import { parse } from "./json.js";

const RETRY_MS = 500;
const RETRY_MAX_MS = 5_000;
const POLL_MS = 4000;
const STREAM_AGAIN_MS = 30_000;
const REFUSALS_TO_POLL = 2; // the service answers, but has no stream

const jitter = (ms) => ms * (0.75 + Math.random() / 2);

export class Feed {
    #source = null;
    #timer = null;
    #delay = RETRY_MS;
    #refusals = 0;
    #streamAgainAt = 0;
    #wanted = false;

    /** listener: { reload(), status(status), deleted(id), unmatched(id) }; all but reload are optional */
    constructor(path, query, listener) {
        this.path = path;
        this.query = query;
        this.listener = listener;
    }

    start() {
        if (this.#wanted) return;
        this.#wanted = true;
        this.#delay = RETRY_MS;
        connection.mode("connecting");
        this.#open();
    }

    stop() {
        this.#wanted = false;
        clearTimeout(this.#timer);
        this.#source?.close();
        this.#source = null;
    }

    /** Tries again now, whatever it was waiting for. */
    wake() {
        if (!this.#wanted) return;
        this.stop();
        this.start();
    }

    #later(ms, work) {
        clearTimeout(this.#timer);
        this.#timer = setTimeout(() => this.#wanted && work.call(this), ms);
    }

    #open() {
        const source = new EventSource(href(this.path, this.query));
        this.#source = source;
        source.onopen = () => {
            this.#delay = RETRY_MS;
            this.#refusals = 0;
            connection.mode("live");
            connection.up();
            this.listener.reload();
        };
        source.onerror = () => this.#broken(source);
        const on = (name, work) =>
            source.addEventListener(name, (event) => source === this.#source && work(parse(event.data)));
        on("status", (status) => this.listener.status?.(status));
        on("deleted", ({ id }) => this.listener.deleted?.(id));
        on("unmatched", ({ id }) => this.listener.unmatched?.(id));
        on("reset", () => this.listener.reload());
    }

    /** Browsers differ in what they do now: so it is done here. */
    async #broken(source) {
        if (source !== this.#source) return;
        source.close();
        this.#source = null;
        const answers = await this.#serviceAnswers();
        if (!this.#wanted || this.#source) return;
        if (answers && ++this.#refusals >= REFUSALS_TO_POLL) {
            this.#streamAgainAt = Date.now() + STREAM_AGAIN_MS;
            connection.mode("polling");
            this.#poll();
            return;
        }
        connection.mode("connecting");
        this.#later(jitter(this.#delay), this.#open);
        this.#delay = Math.min(this.#delay * 2, RETRY_MAX_MS);
    }

    async #serviceAnswers() {
        try {
            await ask("GET", "version");
            return true;
        } catch {
            return false;
        }
    }

    #poll() {
        if (Date.now() >= this.#streamAgainAt) {
            this.#open();
            return;
        }
        this.listener.reload();
        this.#later(jitter(POLL_MS), this.#poll);
    }
}
