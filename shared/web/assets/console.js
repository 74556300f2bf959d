// What the console does better with a script: local times, live parts, the theme without a reload. Everything works without.
"use strict";
(() => {
  const root = document.documentElement;
  root.classList.add("has-script");

  // times in the viewer's zone: near ones as a distance, the exact one as a hint
  const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
  const day = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
  const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit" });
  const relative = new Intl.RelativeTimeFormat(undefined, { numeric: "auto", style: "short" });
  function words(time, style) {
    const seconds = Math.round((time - Date.now()) / 1000);
    if (style !== "near") {
      return time.toDateString() === new Date().toDateString() ? clock.format(time) : day.format(time);
    }
    const ago = Math.abs(seconds);
    if (ago < 60) return relative.format(seconds, "second");
    if (ago < 3600) return relative.format(Math.round(seconds / 60), "minute");
    if (ago < 86400) return relative.format(Math.round(seconds / 3600), "hour");
    return day.format(time);
  }
  function times(within) {
    for (const element of within.querySelectorAll("time[datetime]")) {
      const time = new Date(element.dateTime);
      if (Number.isNaN(time.valueOf())) continue;
      const text = words(time, element.dataset.style);
      if (element.textContent !== text) element.textContent = text;
      element.title = exact.format(time);
    }
  }

  // days as the viewer's clock cuts them: the server is told where they begin and end
  const two = (number) => String(number).padStart(2, "0");
  const dated = (time) => `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())}`;
  function bounds(text) {
    const [year, month, date] = text.split("-").map(Number);
    return [new Date(year, month - 1, date).valueOf(), new Date(year, month - 1, date + 1).valueOf()];
  }
  function zoned(address, text) {
    const [begins, ends] = bounds(text);
    for (const [name, value] of [["day", text], ["begins", begins], ["ends", ends]]) address.searchParams.set(name, value);
    return address;
  }
  function days() {
    const today = dated(new Date());
    document.cookie = `day=${[today, ...bounds(today)].join(".")}; Path=/; Max-Age=86400; SameSite=Strict${location.protocol === "https:" ? "; Secure" : ""}`;
    for (const link of document.querySelectorAll("a[data-day]")) link.href = zoned(new URL(link.href), link.dataset.day);
  }
  function chosen(form) {
    const [begins, ends] = bounds(form.elements.day.value || dated(new Date()));
    for (const [name, value] of [["begins", begins], ["ends", ends]]) {
      const field = form.elements[name] ?? form.appendChild(Object.assign(document.createElement("input"), { type: "hidden", name }));
      field.value = value;
    }
  }
  days();
  // a page of a day in UTC, from an address that somebody wrote or from before the script said anything
  const picked = document.querySelector("form[data-days] input[name=day]");
  if (picked && !("zoned" in picked.dataset) && !new URLSearchParams(location.search).has("begins")) {
    location.replace(zoned(new URL(location.href), new URLSearchParams(location.search).get("day") || dated(new Date())));
  }

  // parts with data-live are fetched again with the page and swapped where they differ
  const every = Number(document.body.dataset.every || 0) * 1000;
  let asking = false, failed = 0, generation = 0;
  // whoever types, or has opened a list of choices, must not lose it
  const types = (element) => element.contains(document.activeElement) && document.activeElement.matches("input, select, textarea");
  function swap(answer) {
    for (const fresh of answer.querySelectorAll("[data-live]")) {
      const old = document.querySelector(`[data-live="${CSS.escape(fresh.dataset.live)}"]`);
      if (!old || old.dataset.raw === fresh.innerHTML) continue;
      const raw = fresh.innerHTML;
      if (types(old)) { cells(old, fresh); continue; }
      if (old.dataset.raw !== undefined || plain(old) !== plain(fresh)) replace(old, fresh);
      old.dataset.raw = raw;
    }
  }
  function replace(old, fresh) {
    const before = new Map([...old.querySelectorAll("[data-watch]")].map((cell) => [cell.dataset.watch, cell.textContent]));
    const opened = [...old.querySelectorAll("details[open][id]")].map((details) => details.id);
    const focused = old.contains(document.activeElement) ? names(old).get(document.activeElement) : undefined;
    old.replaceChildren(...document.importNode(fresh, true).childNodes);
    for (const id of opened) document.getElementById(id)?.setAttribute("open", "");
    if (focused) for (const [element, name] of names(old)) if (name === focused) element.focus({ preventScroll: true });
    times(old);
    for (const cell of old.querySelectorAll("[data-watch]")) {
      if (before.has(cell.dataset.watch) && before.get(cell.dataset.watch) !== cell.textContent) cell.classList.add("flash");
    }
  }
  // what can have the focus, by a name that it keeps
  const names = (within) => new Map([...within.querySelectorAll("a[href], button, summary, [tabindex]")].map((element) =>
    [element, `${element.tagName} ${element.getAttribute("aria-label") ?? element.textContent} ${element.getAttribute("href") ?? ""}`]));
  // only the numbers of a part in which somebody types
  function cells(old, fresh) {
    for (const cell of fresh.querySelectorAll("[data-watch]")) {
      const known = old.querySelector(`[data-watch="${CSS.escape(cell.dataset.watch)}"]`);
      if (known && known.textContent !== cell.textContent) {
        known.replaceChildren(...document.importNode(cell, true).childNodes);
        known.classList.remove("flash");
        void known.offsetWidth;
        known.classList.add("flash");
      }
    }
  }
  const plain = (element) => { const copy = element.cloneNode(true); copy.querySelectorAll("time").forEach((time) => time.remove()); return copy.textContent; };
  async function refresh() {
    if (asking || document.hidden) return;
    asking = true;
    const mine = generation;
    try {
      const answer = await fetch(location.href, { headers: { "x-live": "1" }, credentials: "same-origin", redirect: "manual" });
      if (answer.type === "opaqueredirect" || answer.status === 401) { location.reload(); return; }
      if (!answer.ok) throw new Error(String(answer.status));
      const text = await answer.text();
      if (mine === generation) swap(new DOMParser().parseFromString(text, "text/html"));
      failed = 0;
      root.classList.remove("is-stale");
    } catch {
      failed += 1;
      if (failed > 1) root.classList.add("is-stale");
    } finally { asking = false; }
  }
  if (every > 0) {
    const round = async () => { await refresh(); setTimeout(round, every * Math.min(1 + failed, 6)); };
    setTimeout(round, every);
    document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(); });
  }
  setInterval(() => { times(document); days(); }, 15000);

  // forms: one click is one order; data-quick ones do not leave the page
  document.addEventListener("submit", async (event) => {
    const form = event.target;
    if ("days" in form.dataset) chosen(form);
    if (form.dataset.sent) { event.preventDefault(); return; }
    const ask = event.submitter?.dataset.confirm || form.dataset.confirm;
    if (ask && !confirm(ask)) { event.preventDefault(); return; }
    if (form.method.toLowerCase() !== "post") return;
    form.dataset.sent = "1";
    form.classList.add("busy");
    if (!("quick" in form.dataset)) return;
    event.preventDefault();
    generation += 1;
    const body = new URLSearchParams(new FormData(form, event.submitter));
    try {
      const answer = await fetch(form.action, { method: "POST", body, credentials: "same-origin", headers: { "x-live": "1" } });
      toast(new DOMParser().parseFromString(await answer.text(), "text/html"));
    } catch { location.reload(); return; }
    delete form.dataset.sent;
    form.classList.remove("busy");
    form.reset();
    refresh();
  });
  // back from history: forms may be sent again
  addEventListener("pageshow", () => document.querySelectorAll("form[data-sent]").forEach((form) => { delete form.dataset.sent; form.classList.remove("busy"); }));
  let ended;
  function toast(answer) {
    const said = answer.querySelector("[data-said]");
    if (!said) return;
    document.querySelectorAll(".toast").forEach((old) => old.remove());
    const box = document.importNode(said, true);
    box.classList.add("toast");
    if (!box.hasAttribute("role")) box.setAttribute("role", "status");
    (document.querySelector("main") ?? document.body).append(box);
    clearTimeout(ended);
    ended = setTimeout(() => box.remove(), 6000);
  }

  // the theme at once, and kept in a cookie by the server
  document.querySelectorAll("form[data-theme-form]").forEach((form) => form.addEventListener("submit", (event) => {
    event.stopPropagation();
    event.preventDefault();
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    const to = dark ? "light" : "dark";
    root.dataset.theme = to;
    const body = new URLSearchParams(new FormData(form));
    body.set("to", to);
    fetch(form.action, { method: "POST", body, credentials: "same-origin", redirect: "manual" });
  }, true));

  // copying, and showing what a secret field holds
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("button[data-copy]");
    if (!button) return;
    await navigator.clipboard?.writeText(button.dataset.copy);
    const label = button.querySelector("[data-label]");
    if (label) { const text = label.textContent; label.textContent = "Copied"; setTimeout(() => { label.textContent = text; }, 1500); }
  });
  document.addEventListener("change", (event) => {
    const all = event.target.closest("input[data-all]");
    if (all) document.querySelectorAll(`input[name="${CSS.escape(all.dataset.all)}"]`).forEach((box) => { box.checked = all.checked; });
    const file = event.target.closest("input[type=file][data-into]");
    if (file?.files[0]) file.files[0].text().then((text) => { document.getElementById(file.dataset.into).value = text; });
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && !event.target.closest("input, textarea, select")) {
      const search = document.querySelector("input[type=search]");
      if (search) { event.preventDefault(); search.focus(); search.select(); }
    }
  });
  // a sign-in link carries its token behind the #, where no log sees it
  const gate = document.querySelector("form[data-sign-in]");
  if (gate && location.hash.length > 8) {
    gate.elements.token.value = decodeURIComponent(location.hash.slice(1));
    history.replaceState(null, "", location.pathname + location.search);
    gate.requestSubmit();
  }
  times(document);
})();
