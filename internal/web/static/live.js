// Follows bursts while a page is open, and makes the page anew in place. Without it everything can still be read.
"use strict";
(() => {
  const live = document.getElementById("live");
  // What the page says of each burst: an event that says otherwise asks for a new page.
  const shown = () => [...document.querySelectorAll("[data-burst]")].map((row) => row.dataset.burst + !row.hidden).join();

  // busy says that the reader is in the middle of something that a new page would take away.
  const busy = () => document.hidden || document.querySelector("main details[open]") ||
    document.activeElement?.matches("main input, main textarea");

  async function renew() {
    if (busy()) return;
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } }).catch(() => null);
    if (!answer?.ok) return;
    const next = new DOMParser().parseFromString(await answer.text(), "text/html");
    const main = document.querySelector("main");
    const focused = ["data-key", "href"].map((name) => [name, document.activeElement?.getAttribute(name)]).find(([, value]) => value);
    if (busy() || !next.querySelector("main")) return;
    main.replaceWith(next.querySelector("main"));
    document.title = next.title;
    if (focused) document.querySelector(`main [${focused[0]}="${CSS.escape(focused[1])}"]`)?.focus({ preventScroll: true });
  }

  // No event comes of what does not change any more: a page that could not be made anew then is made so later.
  let told = [];
  const stale = () => told.map((b) => b.name + b.running).join() !== shown();
  setInterval(() => told.length && stale() && renew(), 2000);

  function follow(bursts) {
    told = bursts;
    if (stale()) {
      renew();
      live.textContent = bursts.filter((b) => b.running).map((b) => `${b.name} runs`).join(", ") || "no burst runs";
    }
    for (const b of bursts) {
      const row = document.querySelector(`[data-burst="${CSS.escape(b.name)}"]`);
      if (!row || !b.running) continue;
      row.querySelector(".said").textContent = b.text;
      row.querySelector("progress").value = b.share;
    }
  }

  if (document.querySelector("[data-burst]")) {
    let events;
    const listen = () => {
      events = new EventSource("events");
      events.addEventListener("bursts", (e) => follow(JSON.parse(e.data)));
      events.addEventListener("error", () => events.readyState === EventSource.CLOSED && setTimeout(listen, 10000));
    };
    listen();
    addEventListener("pagehide", () => events.close());
  }
  const every = Number(document.body.dataset.refresh);
  if (every > 0) setInterval(renew, every * 1000);
})();
