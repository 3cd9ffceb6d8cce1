// Whether the service can be reached, and how news of it comes. The header and the banner show it.

import { byId, setText, toast } from "./dom.js";

const WORDS = { live: "Live", polling: "Polling", connecting: "Connecting", lost: "Connection lost" };
let mode = "connecting";
let lostAt = null;
let trouble = ""; // the service answers, but can't do its work

const lostFor = () => {
  const seconds = Math.round((Date.now() - lostAt) / 1000);
  return `Connection lost ${seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min`} ago.`;
};

function show() {
  const shown = lostAt ? "lost" : mode;
  const paused = document.body.dataset.paused === "true" && !lostAt;
  const element = byId("connection");
  element.dataset.mode = paused ? "paused" : shown;
  setText(element, paused ? "Paused" : WORDS[shown]);
  const banner = byId("banner");
  banner.hidden = !lostAt && !trouble;
  const told = trouble ? `${trouble} What you see is the last that was read.` : "";
  setText(banner, lostAt ? `${lostFor()} What you see may be old; it catches up by itself.` : told);
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
    lostAt ??= Date.now();
    show();
  },
  get lost() {
    return lostAt !== null;
  },
  trouble(text) {
    trouble = text;
    show();
  },
  show,
};

setInterval(() => lostAt && show(), 1000);
