// Runs before the first paint, so that a dark page never flashes light.
(() => {
  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const kept = () => {
    try {
      return localStorage.getItem("whence-theme") || "auto";
    } catch {
      return "auto";
    }
  };
  const apply = () => {
    const chosen = kept();
    root.dataset.theme = chosen;
    root.dataset.bsTheme = chosen === "auto" ? (dark.matches ? "dark" : "light") : chosen;
    document.dispatchEvent(new Event("whence:theme"));
  };
  dark.addEventListener("change", apply);
  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("[data-set-theme]");
    if (!button) return;
    try {
      localStorage.setItem("whence-theme", button.dataset.setTheme);
    } catch {
      root.dataset.bsTheme = button.dataset.setTheme;
      return;
    }
    apply();
  });
  apply();
})();
