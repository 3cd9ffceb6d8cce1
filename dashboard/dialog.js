// Dialogs: one that asks before something is changed, and the help for the keyboard.

import { explain } from "./api.js";
import { h } from "./dom.js";

function open(dialog) {
    const before = document.activeElement;
    document.body.append(dialog);
    dialog.showModal();
    return new Promise((resolve) =>
        dialog.addEventListener("close", () => {
            dialog.remove();
            if (before?.isConnected) before.focus();
            resolve();
        }),
    );
}

/**
 * Looks first, then asks, then acts. `look()` tells what would happen:
 *   { text, action, force, nothing }   action: the button's text; force: what has to be ticked before; nothing: no button
 * `act()` does it; one that is refused is told in words, and looked at again.
 */
export async function confirm({ title, look, act }) {
    const text = h("p", { class: "dialog-text" }, "Looking…");
    const problem = h("p", { class: "dialog-problem", role: "alert" });
    const force = h("input", { type: "checkbox" });
    const forceText = h("span", {});
    const forceLabel = h("label", { class: "force", hidden: true }, force, forceText);
    const cancel = h(
        "button",
        { type: "button", autofocus: true, on: { click: () => dialog.close() } },
        "Cancel",
    );
    const go = h("button", { type: "button", class: "danger", disabled: true }, "…");
    const dialog = h(
        "dialog",
        { class: "confirm", "aria-label": title },
        h("h2", {}, title),
        text,
        problem,
        forceLabel,
        h("div", { class: "dialog-buttons" }, cancel, go),
    );
    let seen = null;
    let result = null;

    const enable = () => (go.disabled = !seen || seen.nothing || (Boolean(seen.force) && !force.checked));
    const tell = (error) => {
        const [what, lines] = explain(error);
        problem.textContent = [what, ...lines].join(" ");
    };

    async function lookAgain() {
        seen = null;
        enable();
        try {
            seen = await look();
            text.textContent = seen.text;
            go.textContent = seen.action ?? "";
            go.hidden = Boolean(seen.nothing);
            cancel.textContent = seen.nothing ? "Close" : "Cancel";
            forceLabel.hidden = !seen.force;
            forceText.textContent = seen.force ?? "";
        } catch (error) {
            tell(error);
        }
        enable();
    }

    go.addEventListener("click", async () => {
        go.disabled = true;
        problem.textContent = "";
        try {
            result = await act({ ...seen, forced: force.checked });
            dialog.close();
        } catch (error) {
            tell(error);
            force.checked = false;
            await lookAgain();
        }
    });
    force.addEventListener("change", enable);

    const closed = open(dialog);
    lookAgain();
    await closed;
    return result;
}

const KEYS = [
    ["/", "to the filter"],
    ["j, k", "next, previous line"],
    ["Enter", "open the line"],
    ["Escape", "back to the list; close a dialog"],
    ["n, b", "next page, back"],
    ["p", "hold the page still, or go on"],
    ["?", "this help"],
];

export function showHelp() {
    if (document.querySelector("dialog[open]")) return;
    const dialog = h(
        "dialog",
        { class: "help", "aria-label": "Keyboard" },
        h("h2", {}, "Keyboard"),
        h(
            "dl",
            {},
            ...KEYS.flatMap(([keys, what]) => [
                h("dt", {}, ...keys.split(", ").map((key) => h("kbd", {}, key))),
                h("dd", {}, what),
            ]),
        ),
        h(
            "div",
            { class: "dialog-buttons" },
            h("button", { type: "button", on: { click: () => dialog.close() } }, "Close"),
        ),
    );
    open(dialog);
}
