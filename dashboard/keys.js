// The keyboard: single keys, but not while somebody types, nor while a dialog is open.

const isTyping = (element) =>
    element instanceof HTMLElement && element.matches("input, textarea, select, [contenteditable]");

/** keys: { key: () => {} }; what returns false leaves the key to the browser. */
export function listenToKeys(keys) {
    document.addEventListener("keydown", (event) => {
        if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
        if (document.querySelector("dialog[open]")) return;
        if (isTyping(event.target)) {
            if (event.key === "Escape") event.target.blur();
            return;
        }
        if (keys[event.key] && keys[event.key]() !== false) event.preventDefault();
    });
}
