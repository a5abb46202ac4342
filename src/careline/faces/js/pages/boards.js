// The wall, the shift and the list of contacts: parts of the page are fetched again when the switchboard says that they
// changed, and now and then in any case; what a supervisor orders goes to the live process once, however often one clicks.
import { Live, Refused, post } from "../live.js";
import * as clock from "../desk/clock.js";

const EVENTS = "/live/desk/events";
const ACTIONS = "/live/desk/actions";
const JITTER_MS = 700; // many screens hear the same tick
const AFTER_MS = 2500; // the ledger is folded a moment after the commit that the tick tells of
const OLD_MS = 20_000;
const ORDER_MS = 180_000; // an order is kept and tried again for so long

const $ = (id) => document.getElementById(id);
const body = document.body;
const poll = Number(body.dataset.poll) * 1000;
let loadedAt = performance.now();
let over = false; // the session has ended: asking again is no use

// --- parts that are fetched again -----------------------------------------------------------------------------

const pending = new Map();

function refetch(part, afterMs) {
  if (pending.has(part.id)) return;
  pending.set(
    part.id,
    setTimeout(() => {
      pending.delete(part.id);
      const now = $(part.id);
      if (now && !over) window.htmx.trigger(now, "careline:tick");
    }, afterMs),
  );
}

const parts = () => [...document.querySelectorAll("[data-on]")];

function changed(what) {
  for (const part of parts())
    if (part.dataset.on.split(" ").some((name) => what.includes(name))) refetch(part, Math.random() * JITTER_MS);
  setTimeout(() => parts().forEach((part) => refetch(part, Math.random() * JITTER_MS)), AFTER_MS);
  for (const strip of document.querySelectorAll("[data-changes]"))
    if (what.includes(strip.dataset.changes)) strip.hidden = false;
}

const everything = () => parts().forEach((part) => refetch(part, Math.random() * JITTER_MS));

document.addEventListener("htmx:afterRequest", ({ detail }) => {
  if (detail.successful) loadedAt = performance.now();
  if (detail.xhr.status === 401) end();
  const away = [502, 503, 504].includes(detail.xhr.status);
  if (away || detail.successful) savingWaits(away);
  if (away && detail.requestConfig.verb === "post") say(body.dataset.lost);
});

document.addEventListener("htmx:afterSettle", () => {
  syncTo($("age")?.dataset.now);
  clock.show();
});

// A refusal where a part was wanted leaves the part as it was: old figures with a warning are better than none.
document.addEventListener("htmx:beforeSwap", ({ detail }) => {
  const part = detail.requestConfig?.elt;
  if (part?.dataset.on !== undefined && detail.xhr.status >= 400) detail.shouldSwap = false;
  if ([502, 503, 504].includes(detail.xhr.status)) detail.shouldSwap = false;
});

function end() {
  over = true;
  const strip = $("signed-out");
  if (strip) strip.hidden = false;
}

function everySecond() {
  const strip = $("stale");
  const old = parts().length > 0 && !over && performance.now() - loadedAt > Math.max(OLD_MS, poll * 2.5);
  body.classList.toggle("is-stale", old);
  if (strip && strip.hidden === old) {
    strip.querySelector("time").dataset.since = old ? String(clock.now() - (performance.now() - loadedAt) / 1000) : "";
    strip.hidden = !old;
  }
  for (const wall of document.querySelectorAll("[data-wall-clock]")) {
    const format = { hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZone: wall.dataset.timezone };
    const text = new Intl.DateTimeFormat("en-GB", format).format(clock.now() * 1000);
    if (wall.textContent !== text) wall.textContent = text;
  }
}

const syncTo = (epoch) => epoch && clock.sync(Number(epoch));

// --- a question, and the deed ------------------------------------------------------------------------------------

const ask = $("ask");
let opener = "";

document.addEventListener("htmx:afterSwap", ({ detail }) => {
  if (detail.target.id === "ask-body" && ask && !ask.open) ask.showModal();
  if (detail.target.id === "card") $("card-h")?.focus();
});

document.addEventListener("click", (event) => {
  const pressed = event.target.closest("button");
  if (!pressed) return;
  if (pressed.getAttribute("hx-target") === "#ask-body") opener = pressed.id;
  if (pressed.dataset.close !== undefined) ask.close();
  if (pressed.dataset.hide) $(pressed.dataset.hide).hidden = true;
  if (pressed.dataset.again !== undefined) {
    pressed.closest(".strip").hidden = true;
    window.htmx.trigger($("filters"), "careline:again");
  }
  if (pressed.dataset.export !== undefined) $("filters").submit(); // not requestSubmit: the file is no part of the page
  if (pressed.dataset.opens !== undefined) choose(pressed);
});

ask?.addEventListener("close", () => {
  $("ask-body").replaceChildren();
  $(opener)?.focus(); // the row may have been drawn anew meanwhile
});

document.addEventListener("careline:done", () => {
  ask?.close();
  everything();
});

document.addEventListener("submit", async (event) => {
  const form = event.target;
  const action = form.dataset.liveAction;
  if (!action) return;
  event.preventDefault();
  const button = form.querySelector("button:not([type])");
  if (button.disabled) return;
  button.disabled = true;
  try {
    await post(ACTIONS, { action, ...said(form) }, { patienceMs: ORDER_MS, onSlow: () => say(body.dataset.kept) });
    ask.close();
    everything();
  } catch (error) {
    refuse(error);
  } finally {
    button.disabled = false;
  }
});

function said(form) {
  const data = Object.fromEntries(new FormData(form));
  for (const field of form.querySelectorAll("[data-type]")) {
    if (field.dataset.type === "number" && field.checked) data[field.name] = Number(field.value);
    if (field.dataset.type === "flag") data[field.name] = field.checked;
  }
  return data;
}

const refuse = (error) => say((error instanceof Refused && error.message) || body.dataset.away || error.message);

function say(words) {
  const text = document.createElement("p");
  text.className = "refusal";
  text.textContent = words;
  $("ask-refusal")?.replaceChildren(text); // the question may have been closed meanwhile
}

function savingWaits(waits) {
  const strip = $("saving");
  if (strip) strip.hidden = !waits;
}

function choose(row) {
  for (const other of document.querySelectorAll("[data-opens][aria-current]")) other.removeAttribute("aria-current");
  row.setAttribute("aria-current", "true");
}

// --- beginning ------------------------------------------------------------------------------------------------------

clock.start(everySecond);
syncTo($("age")?.dataset.now);
if (poll) setInterval(everything, poll);
if (body.dataset.live !== undefined) {
  new Live(EVENTS, {
    phone: ({ server_now }) => clock.sync(server_now),
    tick: ({ what }) => changed(what),
    notice: ({ text }) => {
      const strip = $("notice");
      if (!strip) return;
      strip.querySelector("span").textContent = text;
      strip.hidden = false;
    },
    unwell: () => changed(["unwell"]),
    saving: ({ waits }) => savingWaits(waits),
    signed_out: end,
    reset: everything,
  }, (state) => state === "open" && savingWaits(false)); // while nothing is saved the line does not open
}
// From the recovery list: the contact named behind the number sign is opened beside the list.
const wanted = location.hash.slice(1);
if (/^[0-9a-f-]{36}$/.test(wanted) && $("rows")) {
  const url = $("rows").dataset.card.replace("00000000-0000-0000-0000-000000000000", wanted);
  document.addEventListener("DOMContentLoaded", () => window.htmx.ajax("GET", url, { target: "#card", swap: "innerHTML" }));
}
