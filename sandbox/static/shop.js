// The demo shop's own script. It stands before Whence's tag, so that Whence's window.open wraps this one.
(() => {
  const { messenger, sales, late } = document.currentScript.dataset;
  const CHAT = /^(?:https?:)?\/\/(?:www\.)?(?:wa\.me\/|(?:api\.|web\.)?whatsapp\.com\/send)/i;

  // Ids as the analytics counters would have left them.
  const now = Math.floor(Date.now() / 1000);
  const random = () => Math.floor(1e8 + Math.random() * 9e8);
  const plant = (name, value) => {
    if (!document.cookie.split("; ").some((pair) => pair.startsWith(`${name}=`)))
      document.cookie = `${name}=${value}; path=/; max-age=31536000; SameSite=Lax`;
  };
  plant("_ga", `GA1.1.${random()}.${now}`);
  plant("_ga_DEMO123456", `GS2.1.s${now}$o1$g0$t${now}$j60$l0$h0`);
  plant("_ym_uid", `${now}${random()}`);

  // A WhatsApp address → the sandbox's messenger with the same phone and text.
  const detour = (address) => {
    if (!CHAT.test(address)) return "";
    const url = new URL(address, location.href);
    const phone = url.searchParams.get("phone") || url.pathname;
    const query = new URLSearchParams({ phone: phone.replace(/\D/g, ""), text: url.searchParams.get("text") || "" });
    return `${messenger}?${query}`;
  };

  const open = window.open;
  window.open = (address, ...more) => open.call(window, detour(String(address)) || address, ...more);

  // Bubble phase: Whence has marked the link before this runs.
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[href]");
    const there = link && detour(link.href);
    if (!there) return;
    event.preventDefault();
    open.call(window, there, "_blank");
  });

  document.addEventListener("DOMContentLoaded", () => {
    document.querySelectorAll("[data-open]").forEach((button) =>
      button.addEventListener("click", () => window.open(button.dataset.open, "_blank")),
    );
    const place = document.getElementById("late");
    if (place && sales)
      setTimeout(() => {
        const link = Object.assign(document.createElement("a"), { href: `https://wa.me/${sales}`, textContent: late });
        link.className = "button chat";
        link.id = "late-link";
        place.append(link);
      }, 1200);
  });
})();
