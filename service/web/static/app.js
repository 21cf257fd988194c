// The live parts: the list refreshes itself, the slices scroll, the keyboard moves. Everything else is plain pages.
"use strict";

const byId = (id) => document.getElementById(id);

function isDark() {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

byId("theme")?.addEventListener("click", () => {
  const theme = isDark() ? "light" : "dark";
  document.documentElement.dataset.theme = theme;
  localStorage.setItem("theme", theme);
});

// --- the live list ---------------------------------------------------------------------------------------------

const rows = byId("rows");
const live = byId("live");
const SILENT_AFTER_MS = 40000;
let version = null;
let heardAt = Date.now();
let known = null;

function say(state, text) {
  live.dataset.state = state;
  const place = live.querySelector("[data-text]");
  if (place.textContent !== text) place.textContent = text;
}

async function refresh() {
  const focused = document.activeElement?.closest("[data-study]")?.dataset.study;
  const answer = await fetch(rows.dataset.part, { headers: { "X-Part": "rows" } });
  if (answer.status === 401) return location.reload();
  if (!answer.ok) throw new Error(String(answer.status));
  rows.innerHTML = await answer.text();
  if (focused) rows.querySelector(`[data-study="${CSS.escape(focused)}"] a`)?.focus();
}

function announce(urgent) {
  const fresh = known === null ? [] : urgent.filter((uid) => !known.has(uid));
  known = new Set(urgent);
  document.title = document.title.replace(/^(\(\d+\) )?/, urgent.length ? `(${urgent.length}) ` : "");
  if (!fresh.length) return;
  const news = byId("news");
  news.replaceChildren(document.createTextNode(fresh.length === 1 ? "New P1: a study needs to be read now. " : `New P1: ${fresh.length} studies need to be read now. `));
  const link = document.createElement("a");
  link.href = `/studies/${fresh[0]}`;
  link.textContent = "Open it";
  news.append(link);
  news.hidden = false;
  for (const uid of fresh) rows.querySelector(`[data-study="${CSS.escape(uid)}"]`)?.classList.add("fresh");
}

async function hear(event) {
  const told = JSON.parse(event.data);
  heardAt = Date.now();
  try {
    if (told.version !== version) await refresh();
    version = told.version;
    announce(told.urgent);
    say("live", `live · as of ${new Date(told.at).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false })}`);
  } catch {
    say("silent", "not live: the server does not answer");
  }
}

if (rows && live) {
  const source = new EventSource("/live");
  source.addEventListener("list", hear);
  source.addEventListener("silent", () => say("silent", "not live: the list is not kept up to date"));
  source.onerror = () => say("silent", "not live: connecting again");
  setInterval(() => {
    if (Date.now() - heardAt > SILENT_AFTER_MS) say("silent", "not live: nothing heard, load the page again");
  }, 5000);
  // Times left go on without an event.
  setInterval(() => { if (live.dataset.state === "live" && !document.hidden) refresh().catch(() => {}); }, 30000);
}

// --- the keyboard ----------------------------------------------------------------------------------------------

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName)) return;
  if (event.key === "/") { event.preventDefault(); byId("text")?.focus(); return; }
  const view = document.querySelector(`[data-view-number="${CSS.escape(event.key)}"]`);
  if (view) { view.click(); return; }
  const step = { j: 1, ArrowDown: 1, k: -1, ArrowUp: -1 }[event.key];
  const links = rows ? [...rows.querySelectorAll("a.row")] : [];
  if (!step || !links.length) return;
  event.preventDefault();
  const at = links.indexOf(document.activeElement);
  links[Math.max(0, Math.min(links.length - 1, at < 0 ? 0 : at + step))].focus();
});

// --- key slices ------------------------------------------------------------------------------------------------

for (const box of document.querySelectorAll("[data-slices]")) {
  const part = (name) => box.querySelector(`[data-${name}]`);
  const slices = [...box.querySelectorAll("[data-slice]")];
  const view = part("view");
  const slider = part("slider");
  const show = () => {
    const one = slices[Number(slider.value)];
    const level = Number(part("level").value), width = Number(part("width").value);
    view.src = one.dataset.slice + (level || width !== 100 ? `?shift=${level / 100}&stretch=${width / 100}` : "");
    view.alt = `Received slice ${one.dataset.role}, measured for ${one.dataset.because}`;
    box.querySelector("p [data-role]").textContent = one.dataset.role;
    box.querySelector("p [data-because]").textContent = one.dataset.because;
    part("number").textContent = String(Number(slider.value) + 1);
  };
  slider.addEventListener("input", show);
  // Each window is drawn by the server, from the stored values: when the slider is let go, not while it moves.
  part("level").addEventListener("change", show);
  part("width").addEventListener("change", show);
  box.querySelector(".slice-view").addEventListener("wheel", (event) => {
    event.preventDefault();
    slider.value = String(Number(slider.value) + Math.sign(event.deltaY));
    show();
  }, { passive: false });
}
