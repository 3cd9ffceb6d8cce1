// Whether the service can be reached, and how news of it comes. The header and the banner show it.

import { byId, setText, toast } from "./dom.js";

const WORDS = { live: "Live", polling: "Polling", connecting: "Connecting", lost: "Connection lost" };
let mode = "connecting";
let lostAt = null;
let trouble = ""; // the service answers, but can't do its work

function show() {
    const shown = lostAt ? "lost" : mode;
    const paused = document.body.dataset.paused === "true" && !lostAt;
    const element = byId("connection");
    element.dataset.mode = paused ? "paused" : shown;
    setText(element, paused ? "Paused" : WORDS[shown]);
    const banner = byId("banner");
    banner.hidden = !lostAt && !trouble;
    const ofTrouble = trouble ? `${trouble} What you see is the last that was read.` : "";
    const ofLoss = `Connection lost at ${lostAt?.toTimeString().slice(0, 8)}. What you see may be old; it catches up by itself.`;
    setText(banner, lostAt ? ofLoss : ofTrouble);
}

export const connection = {
    /** How news comes: live, polling, connecting. */
    mode(next) {
        mode = next;
        show();
    },
    /** A request got an answer. */
    up() {
        if (!lostAt) return;
        lostAt = null;
        toast("Connected again.");
        show();
    },
    /** A request got none. */
    down() {
        lostAt ??= new Date();
        show();
    },
    get lost() {
        return lostAt !== null;
    },
    /** The service says that it can't; "": it can. */
    trouble(text) {
        const isOver = trouble && !text;
        trouble = text;
        show();
        if (isOver) connection.recovered();
    },
    /** Set by the application: read again what is shown. */
    recovered() {},
    show,
};
