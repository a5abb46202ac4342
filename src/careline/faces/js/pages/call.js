// The patient's page of a web call: shows the one state that the live process names, and carries voice, video and text.
import { Live, post, Refused } from "../live.js";
import { MicrophoneCheck } from "../mic.js";
import { openMicrophone, PageTalk, playOn } from "../talk.js";
import { Ringer } from "../ring.js";

const root = document.getElementById("call");
const words = document.getElementById("words").dataset;
const language = document.documentElement.lang;
const HERE = "careline-call"; // this tab has a call going on: try to resume it after a reload
const PRESS_MS = 180_000; // a press is kept and sent again for so long
const byId = (id) => document.getElementById(id);

const page = { shown: "", topic: null, channel: "voice", state: null, stream: null, mic: null, talk: null, live: null, lostAt: 0, answered: false };
const ring = new Ringer();

// --- what is seen ---------------------------------------------------------------------------------------------

function show(name) {
  if (page.shown === name) return;
  page.shown = name;
  for (const section of root.querySelectorAll(".state")) section.hidden = section.dataset.state !== name;
  root.querySelector(`[data-state="${name}"] [tabindex="-1"]`)?.focus();
  say("");
}

function say(text) {
  const place = root.querySelector(`[data-state="${page.shown}"] [data-error]`);
  if (!place) return;
  place.textContent = text;
  place.hidden = !text;
}

const fill = (text, values) => text.replace(/%\((\w+)\)s/g, (_, key) => values[key]);
const clock = (s) => `${Math.floor(s / 60)}:${String(Math.floor(s % 60)).padStart(2, "0")}`;

function minutes(low, high) {
  const unit = new Intl.NumberFormat(language, { style: "unit", unit: "minute", unitDisplay: "long" });
  const from = Math.max(1, Math.floor(low / 60));
  const to = Math.max(from, Math.ceil(high / 60));
  return from === to ? unit.format(to) : unit.formatRange ? unit.formatRange(from, to) : `${from}–${unit.format(to)}`;
}

function showPlace() {
  const { position, wait_low_s: low, wait_high_s: high } = page.state;
  const known = low !== null && high !== null;
  root.querySelector('[data-when="position"]').hidden = position === null;
  root.querySelector('[data-when="wait"]').hidden = position !== null;
  byId("place-n").textContent = position ?? "";
  byId("place-line").toggleAttribute("hidden", position === null);
  drawDots(position ?? 0);
  byId("place-w").textContent = position === 1 ? words.soon : known ? fill(words.still, { range: minutes(low, high) }) : "";
  byId("place-h").textContent = fill(known ? words.odds : words.unknown, { time: clock(sinceQueued()) });
  byId("promised-w").textContent = known ? fill(words.still, { range: minutes(low, high) }) : "";
  byId("cb-range").textContent = known ? minutes(low, high) : "";
}

function drawDots(position) {
  const ns = "http://www.w3.org/2000/svg";
  const ahead = Math.min(Math.max(position - 1, 0), 4);
  const step = 220 / (ahead + 1);
  const dots = [...Array(ahead).keys()].map((n) => circle(ns, "qd", 40 + step * (n + 0.5), 9));
  byId("place-dots").replaceChildren(...dots, circle(ns, "qme", 40 + step * (ahead + 0.5), 14), circle(ns, "qb", 296, 7));
}

function circle(ns, name, x, r) {
  const dot = document.createElementNS(ns, "circle");
  for (const [key, value] of Object.entries({ class: name, cx: x, cy: 22, r })) dot.setAttribute(key, value);
  return dot;
}

const sinceState = () => Math.max(0, page.live.serverNow() - page.state.since);
const sinceQueued = () => page.state.waited_s + Math.max(0, page.live.serverNow() - page.state.server_now);

setInterval(() => {
  if (page.shown === "queue") showPlace();
  if (page.shown === "talk") byId("talk-time").textContent = clock(sinceState());
  if (page.shown === "lost") byId("lost-left").textContent = clock(Math.max(0, Number(root.dataset.keepS) - (Date.now() - page.lostAt) / 1000));
}, 1000);

// --- what the live process says -------------------------------------------------------------------------------

const SHOWN_AS = { queued: "queue", offered: "queue", callback: "promised", dialling: "ringing", talking: "talk", held: "talk", wrap_up: "after", ended: "after" };

function onState(state) {
  const before = page.state;
  page.state = state;
  page.channel = state.channel;
  const wanted = SHOWN_AS[state.phase];
  if (!(page.shown === "callback" && wanted === "queue")) show(wanted);
  if (wanted !== "talk" && before?.talk) page.talk?.pauseTalk();
  if (wanted === "ringing") ring.start(words.titleRing);
  else ring.stop();
  if (wanted === "queue" || wanted === "promised") showPlace();
  if (wanted === "talk") onTalk(state, before);
  if (wanted === "after") onAfter(state);
}

function onTalk(state, before) {
  const writing = state.channel === "text";
  byId("talk-agent").textContent = state.agent ?? "";
  page.answered = true;
  byId("mute").hidden = writing;
  byId("camera").hidden = page.channel !== "video";
  if (before?.talk && before.talk !== state.talk) page.talk?.pauseTalk(); // another operator: their desk says hello
  if (state.phase === "held") byId("talk-quality").textContent = words.onHold;
  else if (before?.phase === "held" || writing) byId("talk-quality").textContent = words.good;
  if (writing) byId("write-text").focus();
  else openTalk(state);
}

function openTalk(state) {
  page.talk ??= new PageTalk(page.stream, {
    send: (data) => post("/live/call/actions", { action: "signal", data }),
    video: page.channel === "video",
    onTrack: (kind, stream) => play(kind, stream),
    onState: (voice) => {
      if (page.state.phase === "held" || voice === "stopped") return;
      byId("talk-quality").textContent = { connected: words.good, reconnecting: words.reconnecting }[voice] ?? words.connecting;
    },
  });
  page.talk.hold(state.phase === "held");
}

function play(kind, stream) {
  const player = byId(kind === "video" ? "far-video" : "far-audio");
  player.hidden = kind !== "video";
  playOn(player, stream).catch(() => document.addEventListener("click", () => player.play(), { once: true })); // needs a touch first
}

function onAfter(state) {
  closeTalk();
  sessionStorage.removeItem(HERE);
  const known = { completed: words.endedCompleted, abandoned: words.endedAbandoned, lost: words.endedLost, callback_failed: words.endedCallbackFailed };
  byId("t-after").textContent = known[state.cause || "completed"] ?? words.endedOther;
  byId("rating").hidden = !page.answered;
}

// Nothing can be saved for a moment: said once, on whatever is shown.
function showSaving(waits) {
  byId("saving").hidden = !waits;
}

function closeTalk() {
  page.talk?.stop();
  page.talk = null;
  closeMicrophone();
}

function closeMicrophone() {
  page.mic?.stop();
  page.mic = null;
  for (const track of page.stream?.getTracks() ?? []) track.stop();
  page.stream = null;
}

function addLine({ id, by, text, at }) {
  if (byId(`line-${id}`)) return;
  const line = document.createElement("li");
  line.id = `line-${id}`;
  line.className = by === "patient" ? "mine" : "";
  line.textContent = text;
  const when = document.createElement("small");
  when.textContent = new Date(typeof at === "number" ? at * 1000 : at).toLocaleTimeString(language, { hour: "2-digit", minute: "2-digit" });
  line.append(when);
  byId("lines").append(line);
  line.scrollIntoView({ block: "nearest" });
}

// --- going there and back -------------------------------------------------------------------------------------

function listen() {
  page.live?.close();
  const said = { state: onState, text: addLine, signal: hearSignal, saving: ({ waits }) => showSaving(waits) };
  page.live = new Live("/live/call/events", said, onConnection);
}

function hearSignal(said) {
  if (page.state && !page.talk && page.channel !== "text") openTalk(page.state);
  page.talk?.hear(said.data ?? said);
}

function onConnection(status) {
  if (status === "open") showSaving(false); // while nothing is saved the line does not open
  if (status === "refused") forget();
  else if (status === "waiting" && ["queue", "promised"].includes(page.shown)) {
    page.lostAt = Date.now();
    show("lost");
  } else if (status === "open" && page.shown === "lost" && page.state) onState(page.state);
}

function forget() {
  sessionStorage.removeItem(HERE);
  page.live?.close();
  page.answered = false;
  page.state = null;
  closeTalk();
  byId("rated").hidden = true;
  byId("rating").disabled = false;
  byId("lines").replaceChildren();
  show(root.dataset.open === "1" ? "topic" : "closed");
}

/** True when it reached the live process; else says why on the screen that is shown. */
async function act(action, more = {}) {
  try {
    await post("/live/call/actions", { action, ...more }, { patienceMs: PRESS_MS, onSlow: () => say(words.kept) });
    say("");
    return true;
  } catch (refusal) {
    say(refusal.message || words.failed);
    return false;
  }
}

async function start() {
  const button = byId("call-now");
  button.disabled = true;
  try {
    await microphoneFor(page.channel);
    await post("/live/call", {
      line: root.dataset.line, language: root.dataset.language, topic: page.topic, channel: page.channel,
      name: byId("who-name").value.trim(), number: byId("who-number").value.trim(),
    }, { patienceMs: PRESS_MS, onSlow: () => say(words.keptCall) });
    say("");
    sessionStorage.setItem(HERE, JSON.stringify({ line: root.dataset.line, channel: page.channel }));
    page.mic?.stop();
    page.mic = null;
    showOwnPicture();
    listen();
  } catch (refusal) {
    refused(refusal);
  } finally {
    button.disabled = false;
  }
}

function refused(refusal) {
  if (refusal instanceof DOMException) say(words.micNone);
  else if (!(refusal instanceof Refused) || refusal.status === 400) say(refusal.message || words.failed);
  else {
    byId("refused-why").textContent = refusal.message || words.failed;
    show("refused");
  }
}

function showOwnPicture() {
  const seen = page.stream?.getVideoTracks().length ? page.stream : null;
  byId("near-video").srcObject = seen;
  byId("near-video").hidden = !seen;
  if (seen) byId("near-video").play().catch(() => {});
  byId("camera").setAttribute("aria-pressed", String(Boolean(seen)));
}

async function resume() {
  const kept = JSON.parse(sessionStorage.getItem(HERE) ?? "null");
  if (kept?.line !== root.dataset.line) {
    show(root.dataset.open === "1" ? "topic" : "closed");
    return;
  }
  page.channel = kept.channel;
  page.lostAt = Date.now();
  show("lost");
  await microphoneFor(kept.channel).catch(() => {});
  showOwnPicture();
  listen();
}

// --- the microphone -------------------------------------------------------------------------------------------

/** Opens what the channel needs, and no more. Throws DOMException when the browser or its user refuses. */
async function microphoneFor(channel) {
  const video = channel === "video";
  if (channel === "text") closeMicrophone();
  else if (!page.stream || Boolean(page.stream.getVideoTracks().length) !== video) {
    closeMicrophone();
    page.stream = await openMicrophone({ video });
  }
}

async function checkMicrophone() {
  const said = byId("mic-said");
  try {
    await microphoneFor(page.channel);
  } catch {
    mark(said, words.micNone, true);
    root.querySelector('[name="channel"][value="text"]').checked = true;
    page.channel = "text";
    return;
  }
  byId("mic-replay").hidden = false;
  const draw = levelPainter(byId("mic-level"));
  const opened = performance.now();
  page.mic = new MicrophoneCheck(page.stream, (level, heard) => {
    draw(level);
    if (heard) mark(said, words.micOk, false);
    else if (performance.now() - opened > 6000) mark(said, words.micQuiet, true);
  });
}

function mark(place, text, bad) {
  if (place.textContent === text) return;
  place.hidden = false;
  place.textContent = text;
  place.classList.toggle("good--quiet", bad);
}

/** Bars that grow with the voice, newest at the right. */
function levelPainter(canvas) {
  const paper = canvas.getContext("2d");
  const levels = Array(30).fill(0);
  let last = 0;
  return (level) => {
    if (performance.now() - last < 60) return;
    last = performance.now();
    levels.push(level);
    levels.shift();
    paper.clearRect(0, 0, canvas.width, canvas.height);
    paper.fillStyle = getComputedStyle(canvas).color;
    levels.forEach((value, n) => {
      const height = Math.max(4, value * canvas.height * 0.9);
      paper.fillRect(n * 20 + 4, (canvas.height - height) / 2, 12, height);
    });
  };
}

async function replay() {
  const button = byId("mic-replay");
  button.disabled = true;
  const recording = await page.mic.record();
  const player = new Audio(recording);
  player.onended = () => {
    URL.revokeObjectURL(recording);
    button.disabled = false;
  };
  await player.play();
}

// --- what the patient does ------------------------------------------------------------------------------------

root.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  if (button.dataset.topic) {
    page.topic = button.dataset.topic;
    show("microphone");
    if (page.channel !== "text") checkMicrophone();
  } else if ("back" in button.dataset) {
    closeMicrophone();
    show("topic");
  } else if (button.dataset.act) act(button.dataset.act);
});

byId("call-now").addEventListener("click", start);
byId("mic-replay").addEventListener("click", replay);
byId("ask-callback").addEventListener("click", () => show("callback"));
byId("rather-wait").addEventListener("click", () => show("queue"));
byId("try-now").addEventListener("click", listen);
byId("call-again").addEventListener("click", forget);
byId("retry").addEventListener("click", forget);
byId("confirm-callback").addEventListener("click", async () => {
  ring.allow(); // a sound may only start from a touch: this one stands for the ring to come
  const when = root.querySelector('[name="when"]:checked').value;
  await act("callback", when ? { not_before: Number(when) } : {});
});
for (const choice of root.querySelectorAll('[name="channel"]')) {
  choice.addEventListener("change", () => {
    page.channel = choice.value;
    if (page.channel === "text") closeMicrophone();
    else checkMicrophone();
  });
}
byId("mute").addEventListener("click", (event) => {
  if (!page.talk) return;
  page.talk.muted = !page.talk.muted;
  event.currentTarget.setAttribute("aria-pressed", String(page.talk.muted));
});
byId("camera").addEventListener("click", (event) => {
  const [picture] = page.stream?.getVideoTracks() ?? [];
  if (!picture) return;
  picture.enabled = !picture.enabled;
  event.currentTarget.setAttribute("aria-pressed", String(picture.enabled));
});
byId("write").addEventListener("submit", async (event) => {
  event.preventDefault();
  const text = byId("write-text").value.trim();
  if (text && (await act("text", { text }))) byId("write-text").value = "";
});
byId("rating").addEventListener("change", async (event) => {
  if (!(await act("rate", { rating: Number(event.target.value) }))) return;
  byId("rated").hidden = false;
  byId("rating").disabled = true;
});

resume();
