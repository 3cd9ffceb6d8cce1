// Puts the dashboard together: which view the URL asks for, the keyboard, sleep and waking.

import { connection } from "./connection.js";
import { DetailView } from "./detail.js";
import { showHelp } from "./dialog.js";
import { byId } from "./dom.js";
import { listHash, readRoute } from "./filters.js";
import { listenToKeys } from "./keys.js";
import { ListView } from "./list.js";

const SLEEP_MS = 20_000; // a tab out of sight lets go of its stream: a browser has six for each service

const main = byId("main");
let view = null;
let listUrl = "#/"; // where Escape leads
let paused = false;

function replaceView(next) {
    view?.stop();
    view = next;
    main.replaceChildren(next.element);
    window.scrollTo(0, 0);
}

function showStatus(id) {
    if (view instanceof DetailView && view.id === id) return;
    replaceView(new DetailView(id));
    view.setBack(listUrl);
    document.title = `${id} · jobbad`;
}

function showList(params) {
    const from = view instanceof DetailView ? view.id : null;
    listUrl = listHash(params);
    if (!(view instanceof ListView)) {
        replaceView(new ListView());
        view.focusWhenFilled = from;
    }
    view.show(params);
    document.title = params.get("state") ? `${params.get("state")} · jobbad` : "jobbad";
}

function navigate() {
    const route = readRoute();
    setPaused(false);
    if (route.name === "status") showStatus(route.id);
    else showList(route.params);
}

function setPaused(next) {
    if (next === paused) return;
    paused = next;
    byId("pause").setAttribute("aria-pressed", String(paused));
    byId("pause").textContent = paused ? "Go on" : "Pause";
    document.body.dataset.paused = String(paused);
    connection.show();
    view?.pause(paused);
}

let sleepTimer;
let asleep = false;

function visibilityChanged() {
    clearTimeout(sleepTimer);
    if (document.hidden) {
        sleepTimer = setTimeout(() => {
            asleep = true;
            view?.sleep();
        }, SLEEP_MS);
    } else if (asleep) {
        asleep = false;
        view?.wake();
    }
}

const onList = (work) => () => (view instanceof ListView ? work(view) : false);

listenToKeys({
    "/": onList((list) => list.focusFilter()),
    j: onList((list) => list.move(1)),
    k: onList((list) => list.move(-1)),
    n: onList((list) => list.goForward()),
    b: onList((list) => list.goBack()),
    p: () => setPaused(!paused),
    "?": showHelp,
    Escape: () => {
        if (view instanceof DetailView) location.hash = listUrl;
    },
});

byId("help").addEventListener("click", showHelp);
byId("pause").addEventListener("click", () => setPaused(!paused));
byId("skip").addEventListener("click", (event) => {
    event.preventDefault();
    main.focus();
});
document.addEventListener("visibilitychange", visibilityChanged);
window.addEventListener("online", () => view?.wake());
window.addEventListener("hashchange", () => {
    history.replaceState({ jobbad: true }, "");
    navigate();
});
connection.recovered = () => view?.reload();
connection.show();
navigate();
