// Light or dark, as the system says or as was chosen here. Runs before the first paint, so it is no module.

(() => {
    const KEY = "jobbad-theme";
    const NEXT = { auto: "light", light: "dark", dark: "auto" };
    const NAMES = { auto: "Auto", light: "Light", dark: "Dark" };

    function stored() {
        try {
            const theme = localStorage.getItem(KEY);
            return theme in NEXT ? theme : "auto";
        } catch {
            return "auto"; // storage is forbidden: the choice lasts as long as the page
        }
    }

    function show(theme) {
        document.documentElement.dataset.theme = theme;
        const button = document.getElementById("theme");
        if (!button) return;
        button.textContent = NAMES[theme];
        button.setAttribute("aria-label", `Colours: ${NAMES[theme]}`);
    }

    function change() {
        const theme = NEXT[document.documentElement.dataset.theme];
        try {
            localStorage.setItem(KEY, theme);
        } catch {
            // see stored()
        }
        show(theme);
    }

    show(stored());
    document.addEventListener("DOMContentLoaded", () => {
        show(stored());
        document.getElementById("theme").addEventListener("click", change);
    });
})();
