// The desk: one page that never navigates. The switchboard says what the phone does; this page shows it, rings, and
// passes on what the operator presses. Parts of the screen are fetched from the server as HTML; only time, sound, keys
// and the talk itself live here.
import { csrfToken } from "../csrf.js";
import * as clock from "../desk/clock.js";
import { chooseSingleKeys, listen, singleKeys } from "../desk/keys.js";
import { Life } from "../desk/life.js";
import { menus } from "../desk/menu.js";
import * as ring from "../desk/ring.js";
import { derive, stageOf } from "../desk/state.js";
import { hear, takeTurns, tell } from "../desk/tabs.js";
import { Wire } from "../desk/wire.js";

const $ = (id) => document.getElementById(id);
const body = document.body;
const texts = JSON.parse($("desk-texts").textContent);
const stage = $("stage");
const life = new Life();

const desk = {
  phone: null,
  view: derive(null, ""),
  chosen: "", // the contact looked at, where several are open
  opened: "", // a past contact opened to finish its record
  shown: "", // what stands on the stage
  recorded: "", // the last contact whose outcome was saved here
  freeSince: 0, // when the last contact left the hands
  owner: false,
  muted: false,
  busy: new Set(), // actions on their way: a second press is not a second action
};

const wire = new Wire({
  onPhone: (phone) => {
    apply(phone);
    tell("phone", phone);
  },
  onTick: (what) => {
    refresh(what);
    tell("tick", what);
  },
  onText: (line) => {
    addText(line);
    tell("text", line);
  },
  onNotice: (notice) => {
    showNotice(notice);
    tell("notice", notice);
  },
  onUnwell: (alert) => {
    showUnwell(alert);
    tell("unwell", alert);
  },
  onAway: (lost) => {
    away.line = lost;
    showAway();
  },
  onSaving: (waits) => {
    saving.waits = waits;
    showSaving();
    tell("saving", waits);
  },
  onKept: (press, kept) => {
    if (kept) saving.presses.add(press);
    else saving.presses.delete(press);
    showSaving();
  },
  onSignedOut: () => showSignedOut(true),
  onRefused: (refusal) => showRefusal(refusal.message),
  onMicrophone: (found) => showRefusal(texts.mic[found]),
  onMuted: (muted) => {
    desk.muted = muted;
    tell("muted", muted);
    paint();
  },
  onMedia: (media) => {
    body.dataset.media = media;
    paintVideo();
  },
  words: texts,
  videos: () => ({ remote: $("remote-video"), own: $("own-video") }),
});

// --- what the phone says ----------------------------------------------------------------------------------

function apply(phone) {
  clock.sync(phone.server_now);
  const before = desk.view;
  desk.phone = phone;
  desk.view = derive(phone, desk.chosen);
  const left = before.current?.contact;
  const gone = left && !desk.view.work.some((item) => item.contact === left);
  if (gone && !recorded(left)) desk.opened = left; // the time to write ran out: the record stays open
  if (desk.view.current) desk.opened = "";
  if (before.work.length && !desk.view.work.length) desk.freeSince = clock.now();
  if (desk.owner) wire.talkWith(desk.view.work);
  paint();
  showStage();
  sound();
}

const recorded = (contact) => {
  if (desk.recorded === contact) return true;
  const dock = $("dock");
  return $("call")?.dataset.contact !== contact || !dock || dock.dataset.saved === "1" || !touched(dock);
};

const touched = (dock) => Boolean(dock.querySelector("input:checked, [data-drafted]") || dock.querySelector("#note")?.value.trim());

function showStage() {
  const { part, contact } = stageOf(desk.view, desk.opened);
  const want = `${part}:${contact}`;
  if (want === desk.shown) return;
  desk.shown = want;
  flush();
  const url = stage.dataset[part].replace(stage.dataset.none, contact);
  window.htmx.ajax("GET", url, { target: "#stage", swap: "innerHTML" });
}

// A draft that has not been sent yet goes before the screen changes.
function flush() {
  const dock = $("dock");
  if (dock) window.htmx.trigger(dock, "careline:flush");
}

// --- painting: everything that follows from the phone, on whatever stands on the screen ----------------------

const STATES = {
  connecting: ["off", "m-off"],
  offline: ["off", "m-off"],
  paused: ["pause", "m-break"],
  ready: ["ready", "m-ready"],
  ring: ["ring", "m-ring"],
  dial: ["ring", "m-ring"],
  talk: ["talk", "m-talk"],
  hold: ["hold", "m-hold"],
  wrap: ["wrap", "m-wrap"],
};

function paint() {
  const { view } = desk;
  const state = desk.phone ? view.state : "connecting";
  body.dataset.state = state;
  paintPill(state, view);
  for (const el of document.querySelectorAll("[data-in]")) el.hidden = !el.dataset.in.split(" ").includes(state);
  paintPause(view);
  paintCall(view);
  paintOffer(view);
  paintStrip(view);
  paintTitle(state, view);
  clock.show();
}

function paintPill(state, view) {
  const pill = $("state");
  if (!pill) return;
  const [kind, mark] = STATES[state];
  pill.className = `state state--${kind}`;
  $("state-mark").className = `mark ${state === "paused" && view.reason === "training" ? "m-train" : mark}`;
  const word = state === "paused" ? (texts.pauses[view.reason] ?? texts.states.paused) : texts.states[state];
  if ($("state-word").textContent !== word) $("state-word").textContent = word;
  const free = !view.current && !view.offer;
  $("state-time").dataset.since = (free ? Math.max(view.since, desk.freeSince) : view.since) || "";
}

function paintPause(view) {
  const button = $("pause-toggle");
  if (!button) return;
  const resting = desk.phone?.presence === "paused";
  button.setAttribute("aria-pressed", String(resting));
  button.classList.toggle("is-then", Boolean(view.current || view.offer));
  const head = document.querySelector("[data-text=pause-head]");
  if (head && view.state === "paused") {
    head.textContent = texts.pauses[view.reason] ?? texts.states.paused;
    document.querySelector("[data-text=pause-why]").textContent = texts.why[view.reason] ?? texts.why.pause;
  }
}

function paintCall(view) {
  const call = $("call");
  if (!call) return;
  const item = view.current?.contact === call.dataset.contact ? view.current : null;
  const state = item ? view.state : "over";
  if (item) life.follow(item);
  call.dataset.phase = state;
  $("call-word").textContent = texts.phases[state] ?? texts.states[state];
  $("call-time").dataset.since = item ? (state === "talk" || state === "hold" ? life.talkSince(item, call.dataset.answered) : (item.since ?? "")) : "";
  if (!item) $("call-time").textContent = "";
  const left = $("wrap-left");
  if (left) left.dataset.until = (state === "wrap" && item.until) || "";
  press("ctl-hold", state === "hold");
  press("ctl-mute", desk.muted);
  const next = $("dock-next");
  if (next) next.value = state === "wrap" ? "1" : "";
  life.draw($("life"), item);
  paintWorklist(view);
}

// Who is chosen stands in WHO: the lists say so.
function paintChosen() {
  for (const button of document.querySelectorAll("#hits [data-patient]")) {
    const chosen = Boolean($(`p-${button.dataset.patient}`));
    button.disabled = chosen;
    button.querySelector(".pick").hidden = chosen;
    button.querySelector(".picked").hidden = !chosen;
  }
}

function press(id, pressed) {
  $(id)?.setAttribute("aria-pressed", String(pressed));
}

function paintWorklist(view) {
  const list = $("worklist");
  list.hidden = view.others.length === 0;
  const open = view.current ? [view.current, ...view.others].sort((a, b) => a.since - b.since) : [];
  const wanted = open.map((item) => `${item.contact}${item.phase}${item === view.current}`).join();
  if (list.dataset.drawn === wanted) return;
  list.dataset.drawn = wanted;
  list.replaceChildren(...open.map((item) => workItem(item, item === view.current)));
}

function workItem(item, current) {
  const li = document.createElement("li");
  const button = document.createElement("button");
  const mark = document.createElement("span");
  const time = document.createElement("time");
  button.type = "button";
  button.className = "btn btn--s";
  button.dataset.look = item.contact;
  if (current) button.setAttribute("aria-current", "true");
  mark.className = `mark ${{ talking: "m-talk", held: "m-hold", wrap_up: "m-wrap" }[item.phase] ?? "m-ring"}`;
  mark.setAttribute("aria-hidden", "true");
  time.dataset.since = item.since;
  button.append(mark, texts.channels[item.channel] ?? "", " ", time);
  li.append(button);
  return li;
}

function paintOffer(view) {
  const left = $("offer-left");
  const until = view.offer?.until ?? "";
  if (left) left.dataset.until = until;
  const arc = $("ring-left");
  if (!arc || !until) return;
  const whole = Math.max(1, until - view.offer.since);
  const share = Math.max(0, Math.min(1, (until - clock.now()) / whole));
  arc.setAttribute("stroke-dasharray", `${(share * 100).toFixed(1)} 100`);
}

// An offer that comes beside an open contact: a strip, so that the screen one writes on stays.
function paintStrip(view) {
  const strip = $("strip-offer");
  const contact = view.offer && view.current ? view.offer.contact : "";
  if (strip.dataset.contact === contact) return;
  strip.dataset.contact = contact;
  if (!contact) strip.replaceChildren();
  else window.htmx.ajax("GET", `${stage.dataset.offer.replace(stage.dataset.none, contact)}?strip=1`, { target: strip, swap: "innerHTML" });
}

function paintTitle(state, view) {
  const word = view.offer ? texts.title.ring : texts.states[state];
  const title = `${view.offer ? "● " : ""}${word} · Careline`;
  if (document.title !== title) document.title = title;
}

function paintVideo() {
  const none = $("film-none");
  const seen = $("remote-video");
  if (none) none.hidden = seen.videoWidth > 0;
  if (seen && !seen.onresize) seen.onresize = paintVideo;
}

function everySecond() {
  const { view } = desk;
  if (view.offer) paintOffer(view);
  if (view.current && $("call")) life.draw($("life"), view.current);
  const wall = $("wall-clock");
  const at = new Date(clock.now() * 1000);
  const shown = at.toLocaleTimeString(document.documentElement.lang, { hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZone: wall.dataset.timezone });
  if (wall.textContent !== shown) wall.textContent = shown;
}

// --- sound --------------------------------------------------------------------------------------------------

function sound() {
  const rings = desk.owner && desk.view.offer;
  if (rings) ring.startRing();
  else ring.stopRing();
  $("strip-sound").hidden = !(desk.owner && body.dataset.takesCalls && ring.silent() && desk.phone && desk.phone.presence !== "offline");
}

function unlockSound() {
  ring.unlock().then(sound);
}

// --- what is pressed ----------------------------------------------------------------------------------------

async function act(action, data = {}) {
  const once = `${action}:${data.contact ?? ""}`;
  if (desk.busy.has(once)) return undefined;
  desk.busy.add(once);
  showRefusal("");
  try {
    return await wire.act(action, data);
  } catch (refusal) {
    showRefusal(refusal.message);
    return undefined;
  } finally {
    desk.busy.delete(once);
  }
}

const onTalk = () => (desk.view.current && ["talk", "hold", "dial"].includes(desk.view.state) ? desk.view.current : null);

const commands = {
  answer() {
    const { offer, state, current } = desk.view;
    if (offer) {
      if (desk.owner) wire.prepare(offer);
      return act("answer", { contact: offer.contact, offer: offer.offer });
    }
    if ($("dock")) return save();
    if (!current && (state === "paused" || state === "offline")) return act("ready");
    return false;
  },
  decline() {
    const { offer } = desk.view;
    if (offer) act("decline", { contact: offer.contact, offer: offer.offer, reason: "declined" });
  },
  end() {
    const item = onTalk();
    if (!item) return false;
    return act("end", { contact: item.contact });
  },
  hold() {
    const { state, current } = desk.view;
    if (current && state === "talk" && current.channel !== "text") return act("hold", { contact: current.contact });
    if (current && state === "hold") return act("resume", { contact: current.contact });
    if (!current && state === "ready") return act("pause", { reason: "break" });
    if (!current && state === "paused") return act("ready");
    return false;
  },
  mute() {
    if (!onTalk()) return false;
    if (desk.owner) wire.mute(!desk.muted);
    else tell("mute", !desk.muted);
    return undefined;
  },
  transfer() {
    return goTo("transfer");
  },
  emergency() {
    const button = $("emergency");
    if (!button) return false;
    button.click();
    return undefined;
  },
  leave() {
    const open = document.querySelector("dialog[open], [popover]:popover-open");
    if (open) return false; // they close by themselves
    if (document.activeElement !== body) document.activeElement.blur();
    stage.focus({ preventScroll: true });
    return undefined;
  },
  search() {
    const field = $("patient-text");
    if (field) field.focus();
    else if (!desk.view.current && !desk.view.offer) $("lookup")?.showModal();
    return undefined;
  },
  zone: () => goTo("transfer"),
  dock() {
    return $("dock") ? focusFirst($("dock")) : goTo("tasks");
  },
  keys() {
    $("keys").showModal();
    return undefined;
  },
  home() {
    desk.shown = "";
    showStage();
  },
  close() {
    flush();
    desk.opened = "";
    showStage();
  },
  "take-phone": () => turns.take(),
  "refusal-read": () => showRefusal(""),
  "notice-read": () => {
    $("strip-notice").hidden = true;
  },
  "try-ring": () => ring.tryRing(),
  "try-mic": () => tryMicrophone(),
};

function goTo(id) {
  const part = $(id);
  if (!part) return false;
  return focusFirst(part);
}

function focusFirst(part) {
  const first = part.querySelector("input:checked, input:not([type=hidden]):not([disabled]), button:not([disabled]):not([hidden]), select, textarea");
  (first ?? part).focus();
  return undefined;
}

function save() {
  const dock = $("dock");
  dock.requestSubmit($("save"));
}

document.addEventListener("click", (event) => {
  const el = event.target.closest("[data-command], [data-act], [data-open], [data-look]");
  if (!el) return;
  const { command, act: action, open, look, ...data } = el.dataset;
  if (command) commands[command]?.(event);
  else if (look) lookAt(look);
  else if (open) openRecord(open);
  else if (action === "transfer") transferTo(data);
  else if (action) act(action, data.reason ? { reason: data.reason } : {});
});

$("pause-toggle")?.addEventListener("click", () =>
  desk.phone?.presence === "paused" ? act("ready") : act("pause", { reason: "break" }),
);

function transferTo({ agent, queue }) {
  const item = onTalk();
  if (!item) return;
  flush();
  act("transfer", agent ? { contact: item.contact, agent } : { contact: item.contact, queue });
}

function lookAt(contact) {
  desk.chosen = contact;
  desk.view = derive(desk.phone, contact);
  paint();
  showStage();
}

function openRecord(contact) {
  desk.opened = contact;
  showStage();
}

// A topic is either one of the chips or one of the list; so is an outcome.
document.addEventListener("change", (event) => {
  for (const name of ["topic", "outcome"]) {
    if (event.target.id === `${name}-more` && event.target.value)
      document.querySelectorAll(`#dock input[name=${name}]`).forEach((chip) => (chip.checked = false));
    const list = $(`${name}-more`); // no list where all topics are chips
    if (list && event.target.name === name) list.value = "";
  }
});

// The desk never navigates: a form that no part of it answers goes nowhere.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method === "get" && !form.hasAttribute("hx-post")) event.preventDefault();
});

// --- text talk ----------------------------------------------------------------------------------------------

document.addEventListener("submit", (event) => {
  if (event.target.id !== "chat-form") return;
  event.preventDefault();
  say();
});

document.addEventListener("keydown", (event) => {
  if (event.target.id !== "chat-text" || event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  say();
});

document.addEventListener("click", (event) => {
  const greet = event.target.closest("#chat-greet");
  if (!greet) return;
  $("chat-text").value = greet.dataset.text;
  $("chat-text").focus();
});

async function say() {
  const field = $("chat-text");
  const text = field.value.trim();
  if (!text || !desk.view.current) return;
  const sent = await act("text", { contact: desk.view.current.contact, text });
  if (sent !== undefined) field.value = "";
}

function addText(line) {
  const list = $("chat-lines");
  if (!list || $("call")?.dataset.contact !== line.contact || (line.id && list.querySelector(`[data-line="${line.id}"]`))) return;
  const item = document.createElement("li");
  const head = document.createElement("b");
  const words = document.createElement("p");
  const mine = line.by === "agent" || line.mine === true;
  item.dataset.line = line.id ?? "";
  if (mine) item.className = "is-mine";
  head.textContent = mine ? list.dataset.mine : list.dataset.theirs;
  words.textContent = line.text;
  item.append(head, words);
  list.append(item);
  list.parentElement.scrollTop = list.scrollHeight;
}

// --- ticks: fetch that part again, not all desks in the same moment -------------------------------------------

const pending = new Map();

function refresh(what) {
  for (const name of what) {
    const [part, id] = name.split(":");
    if (pending.has(name)) continue;
    pending.set(
      name,
      setTimeout(() => {
        pending.delete(name);
        if (id && id !== $("call")?.dataset.contact) return;
        window.htmx.trigger(body, id ? "careline:contact" : `careline:${part}`);
      }, Math.random() * 1500),
    );
  }
}

// A part that leaves the screen takes back what it has asked for: its answer would have nowhere to go, and neither would
// what the answer carries for elsewhere. What it has sent goes on.
const asked = new WeakMap();

document.addEventListener("htmx:beforeSend", ({ detail: { elt, xhr } }) => asked.set(elt, xhr));
document.addEventListener("htmx:beforeSwap", ({ detail }) => {
  // An outage is said in its strip; never in the place of what somebody has written, or of a part that asks again.
  if (lostOnTheWay(detail.xhr)) detail.shouldSwap = false;
  if (detail.target !== stage || !detail.shouldSwap) return;
  for (const part of stage.querySelectorAll("[hx-get].htmx-request")) {
    const request = asked.get(part);
    if (!request) continue;
    request.onload = request.onabort = null; // taken back on purpose: nothing to complain of
    request.abort();
  }
});

document.addEventListener("htmx:afterSettle", () => {
  paint();
  paintChosen();
  paintVideo();
  wire.showVideo();
});

document.addEventListener("htmx:beforeRequest", ({ detail: { elt } }) => {
  const screen = elt.dataset.screen ?? (elt.id === "stage" ? "" : null);
  if (screen === null) return;
  for (const link of document.querySelectorAll("[data-screen]"))
    if (link.dataset.screen === screen) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
});

document.addEventListener("htmx:responseError", (event) => {
  const { status } = event.detail.xhr;
  if (status === 401) showSignedOut(true);
  if (!lostOnTheWay(event.detail.xhr)) return;
  saving.waits = true;
  showSaving();
  lookAgain(event.detail);
});

// A part that could not be fetched is asked for again; what comes through proves that the way is open.
function lookAgain({ target, requestConfig }) {
  if (target === stage && requestConfig.verb === "get") desk.shown = "";
  clearTimeout(saving.timer);
  saving.timer = setTimeout(() => {
    if (!desk.shown && desk.phone) showStage();
    refresh(["queues", "agents", "contacts", "notices"]);
  }, FORM_MS);
}

document.addEventListener("htmx:sendError", ({ detail }) => {
  away.page = true;
  showAway();
  lookAgain(detail);
});

document.addEventListener("htmx:afterRequest", ({ detail: { successful } }) => {
  if (successful && saving.waits) {
    saving.waits = false;
    showSaving();
    flush();
  }
  if (!successful || !away.page) return;
  away.page = false;
  showAway();
});

// Said by the server once the outcome is on the ledger; the phone may have heard of it before or after.
document.addEventListener("careline:recorded", ({ detail: { contact } }) => {
  desk.recorded = contact;
  if (!desk.view.current && desk.opened === contact) {
    desk.opened = "";
    showStage();
  }
});

// --- strips: what is wrong, in words, until it is right --------------------------------------------------------

const saving = { waits: false, presses: new Set(), forms: new Map(), since: 0 }; // what waits for the database
const FORM_MS = 2000;

function showSaving() {
  const kept = saving.presses.size + saving.forms.size;
  const waits = saving.waits || kept > 0;
  $("strip-saving").hidden = !waits;
  $("saving-kept").hidden = kept === 0;
  $("saving-n").textContent = kept;
  if (waits && !saving.since) saving.since = clock.now();
  if (!waits) saving.since = 0;
  $("saving-since").dataset.since = saving.since || "";
}

// What was sent from a form marked [data-kept] is sent again, with its key, until it is answered: by the form itself
// while it stands on the screen, so that the answer lands there, else without it.
function keepForm({ elt, requestConfig: { path, formData } }) {
  const key = formData.get("key");
  if (saving.forms.has(key)) return;
  const body = new URLSearchParams(formData);
  saving.forms.set(key, body);
  showSaving();
  const again = async () => {
    const through = document.contains(elt) ? await sendThere(elt, path) : await sendAlone(path, body);
    if (!through) return setTimeout(again, FORM_MS);
    saving.forms.delete(key);
    return showSaving();
  };
  setTimeout(again, FORM_MS);
}

function sendThere(elt, path) {
  return new Promise((resolve) => {
    const answered = ({ detail: { xhr, requestConfig } }) => {
      if (requestConfig.path !== path || requestConfig.verb !== "post") return;
      document.removeEventListener("htmx:afterRequest", answered);
      resolve(!lostOnTheWay(xhr));
    };
    document.addEventListener("htmx:afterRequest", answered);
    window.htmx.trigger(elt, elt.tagName === "FORM" ? "submit" : "click");
  });
}

async function sendAlone(path, body) {
  const headers = { "X-CSRFToken": csrfToken(), "HX-Request": "true" };
  const answer = await fetch(path, { method: "POST", body, headers }).catch(() => null);
  if (!answer || [502, 503, 504].includes(answer.status)) return false;
  if (!answer.ok) showRefusal(texts.lost);
  return true;
}

const lostOnTheWay = (xhr) => [0, 502, 503, 504].includes(xhr.status);

function notSaved({ detail }) {
  const { elt, xhr, requestConfig } = detail;
  if (!lostOnTheWay(xhr) || requestConfig.verb !== "post") return;
  if (elt.matches("[data-kept]")) keepForm(detail);
  else if (!elt.matches("[data-draft]")) showRefusal(texts.lost);
}

document.addEventListener("htmx:responseError", notSaved);
document.addEventListener("htmx:sendError", notSaved);
window.addEventListener("beforeunload", (event) => saving.presses.size + saving.forms.size && event.preventDefault());

const away = { line: false, page: false }; // the event stream; what the screen is made of

function showAway() {
  const strip = $("strip-away");
  const lost = away.line || away.page;
  if (strip.hidden === !lost) return;
  strip.hidden = !lost;
  $("away-since").dataset.since = lost ? clock.now() : "";
}

function showSignedOut(out) {
  $("strip-signed-out").hidden = !out;
}

function showRefusal(message) {
  $("strip-refusal").hidden = !message;
  $("refusal-text").textContent = message;
}

function showNotice({ text }) {
  $("notice-text").textContent = text;
  $("strip-notice").hidden = !text;
}

function showUnwell(alert) {
  $("unwell-text").textContent = alert.text ?? texts.unwell;
  $("strip-unwell").hidden = Boolean(alert.over);
}

// --- preferences ------------------------------------------------------------------------------------------------

$("preferences").addEventListener("change", async (event) => {
  const form = event.currentTarget;
  const { name, value } = event.target;
  if (name === "theme" || name === "density") document.documentElement.dataset[name] = value;
  const answer = await fetch(form.action, { method: "POST", body: new FormData(form), headers: { "X-Requested-With": "careline" } });
  if (name === "language" && answer.ok) location.reload();
});

$("single-keys").checked = singleKeys();
$("single-keys").addEventListener("change", (event) => chooseSingleKeys(event.target.checked));

async function fillDevices() {
  const devices = (await navigator.mediaDevices?.enumerateDevices?.()) ?? [];
  fill($("ring-device"), devices, "audiooutput", ring.ringDevice());
  fill($("talk-device"), devices, "audiooutput", wire.devices.talk);
  fill($("mic-device"), devices, "audioinput", wire.devices.microphone);
}

function fill(select, devices, kind, chosen) {
  if (!select) return;
  const found = devices.filter((device) => device.kind === kind && device.deviceId && device.deviceId !== "default");
  const options = found.map((device) => new Option(device.label || device.deviceId.slice(0, 8), device.deviceId));
  select.replaceChildren(select.options[0], ...options);
  select.value = found.some((device) => device.deviceId === chosen) ? chosen : "";
}

$("me-menu").addEventListener("toggle", (event) => event.newState === "open" && fillDevices());
$("ring-device")?.addEventListener("change", (event) => ring.chooseRing({ device: event.target.value }));
$("talk-device")?.addEventListener("change", (event) => wire.choose({ talk: event.target.value }));
$("mic-device")?.addEventListener("change", (event) => wire.choose({ microphone: event.target.value }));
if ($("ring-volume")) {
  $("ring-volume").value = ring.ringVolume();
  $("ring-volume").addEventListener("change", (event) => {
    ring.chooseRing({ volume: Number(event.target.value) });
    ring.tryRing();
  });
}

async function tryMicrophone() {
  const said = $("mic-said");
  said.textContent = texts.mic.asking;
  said.textContent = texts.mic[await wire.checkMicrophone()];
  fillDevices();
}

// --- beginning ----------------------------------------------------------------------------------------------------

let letGo = null;
let turns = { take() {} };

function own(release) {
  letGo = release;
  desk.owner = true;
  $("strip-guest").hidden = true;
  wire.open();
}

function follow() {
  letGo = null;
  desk.owner = false;
  $("strip-guest").hidden = false;
  ring.stopRing();
  wire.close();
  tell("asks", null);
}

hear({
  phone: (phone) => !desk.owner && apply(phone),
  tick: (what) => !desk.owner && refresh(what),
  text: (line) => !desk.owner && addText(line),
  notice: (notice) => !desk.owner && showNotice(notice),
  unwell: (alert) => !desk.owner && showUnwell(alert),
  saving: (waits) => {
    if (desk.owner) return;
    saving.waits = waits;
    showSaving();
  },
  asks: () => desk.owner && desk.phone && tell("phone", desk.phone),
  mute: (muted) => desk.owner && wire.mute(muted),
  muted: (muted) => {
    desk.muted = muted;
    paint();
  },
  "signed-in": () => {
    showSignedOut(false);
    if (desk.owner) wire.reopen();
  },
});

window.careline = { talk: () => wire.stats() }; // for the support and the journeys: what flows now

menus();
listen(commands);
clock.start(everySecond);
for (const first of ["pointerdown", "keydown"]) document.addEventListener(first, unlockSound, { once: true, capture: true });
window.addEventListener("pagehide", () => letGo?.());
if (body.dataset.takesCalls) {
  paint();
  turns = takeTurns({ onOwner: own, onGuest: follow });
} else {
  body.dataset.state = "offline";
  wire.open();
}
