// Renews the ticks, grows the composer, sends with Enter.
(() => {
  const chat = document.getElementById("chat");
  const composer = document.querySelector("#composer textarea");
  const writer = document.getElementById("writer");
  chat.scrollTop = chat.scrollHeight;

  const grow = () => {
    composer.style.height = "auto";
    composer.style.height = `${Math.min(composer.scrollHeight, 160)}px`;
  };
  composer.addEventListener("input", grow);
  composer.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      composer.form.requestSubmit();
    }
  });
  grow();

  // Another writer is another chat; what stands in the composer comes along.
  writer.addEventListener("change", () => {
    const custom = document.getElementById("custom");
    custom.hidden = writer.value !== "custom";
    if (!custom.hidden) return;
    const query = new URLSearchParams({ phone: chat.dataset.phone, who: writer.value, text: composer.value });
    location.search = query;
  });

  setInterval(async () => {
    const waiting = document.querySelector('.tick[data-state="waiting"]');
    if (!waiting) return;
    const answer = await fetch(chat.dataset.ticks);
    if (!answer.ok) return;
    for (const [id, [tick, state]] of Object.entries(await answer.json())) {
      const place = document.querySelector(`.tick[data-bubble="${id}"]`);
      if (place) Object.assign(place, { textContent: tick }).dataset.state = state;
    }
  }, 700);
})();
