// Small manners of the pages: copying, confirming, filters that apply themselves, rows of phrases.
(() => {
  const closest = (event, selector) => event.target.closest?.(selector);

  async function copy(button) {
    const source = document.getElementById(button.dataset.copy);
    const text = "value" in source ? source.value : source.textContent;
    try {
      await navigator.clipboard.writeText(text.trim());
    } catch {
      // without https there is no clipboard: select the text, so that one key copies it
      getSelection().selectAllChildren(source);
      source.select?.();
      return;
    }
    button.classList.add("is-copied");
    setTimeout(() => button.classList.remove("is-copied"), 1600);
  }

  function addRow(button) {
    const list = document.getElementById(button.dataset.add);
    const row = document.getElementById(`${button.dataset.add}-blank`).content.cloneNode(true);
    list.append(row);
    list.lastElementChild.querySelector("input").focus();
  }

  document.addEventListener("click", (event) => {
    const copied = closest(event, "[data-copy]");
    if (copied) copy(copied);
    const added = closest(event, "[data-add]");
    if (added) addRow(added);
    const removed = closest(event, "[data-remove-row]");
    if (removed) removed.closest("[data-row]").remove();
    if (closest(event, "[data-reload]")) location.reload();
  });

  document.addEventListener("submit", (event) => {
    const question = event.target.dataset.confirm;
    if (question && !confirm(question)) event.preventDefault();
  });

  document.addEventListener("change", (event) => {
    const form = closest(event, "form[data-apply]");
    if (!form) return;
    const ownDates = form.querySelector("[data-own-dates]");
    if (event.target.name === "period" && ownDates) {
      ownDates.hidden = event.target.value !== "own";
      if (!ownDates.hidden) return;
    }
    form.requestSubmit();
  });

  // empty filters do not belong in the address
  document.addEventListener("submit", (event) => {
    if (!event.target.matches("form[data-apply]")) return;
    for (const field of event.target.elements) field.disabled ||= field.name && field.value === "";
  });
  addEventListener("pageshow", () => {
    for (const field of document.querySelectorAll("form[data-apply] [disabled]")) field.disabled = false;
  });

  function preview() {
    const target = document.querySelector("[data-preview]");
    if (!target) return;
    const value = (name) => document.querySelector(`[name="${name}"]`)?.value ?? "";
    const text = value("template")
      .replace("{reference}", target.dataset.preview)
      .replace("{phrase}", value("phrase"));
    target.textContent = text.trim();
  }
  document.addEventListener("input", preview);
})();
