// Elements. Text gets into the page as text nodes only, whatever is in it.

const SETTERS = {
    class: (element, value) => (element.className = value),
    data: (element, value) => Object.assign(element.dataset, value),
    on: (element, value) => {
        for (const [name, listener] of Object.entries(value)) element.addEventListener(name, listener);
    },
};

/** h("a", { class: "x", href: "#/", on: { click } }, "text", child, ...); null and false are left out. */
export function h(tag, attributes = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
        if (value === null || value === undefined || value === false) continue;
        if (SETTERS[name]) SETTERS[name](element, value);
        else element.setAttribute(name, value === true ? "" : value);
    }
    element.append(
        ...children.flat().filter((child) => child !== null && child !== undefined && child !== false),
    );
    return element;
}

export const byId = (id) => document.getElementById(id);

/** Sets the text only when it differs: a selection in it survives, and nothing is laid out again. */
export function setText(element, text) {
    if (element.textContent !== text) element.textContent = text;
}

let toastTimer;

export function toast(text) {
    const element = byId("toast");
    clearTimeout(toastTimer);
    element.textContent = text;
    toastTimer = setTimeout(() => (element.textContent = ""), 6000);
}

/** A function that runs `work` once, `ms` after the first of several calls. */
export function soon(ms, work) {
    let timer = null;
    const call = () => {
        timer ??= setTimeout(() => {
            timer = null;
            work();
        }, ms);
    };
    call.cancel = () => {
        clearTimeout(timer);
        timer = null;
    };
    return call;
}
