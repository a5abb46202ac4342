// The patient's page of a web call: shows the one state that the live process names, and carries voice, video and text.
import { connect, post } from "../live.js";
import { MicCheck } from "../mic.js";
import { PatientTalk } from "../talk.js";
import { ringer } from "../ring.js";

const root = document.getElementById("call");
const words = document.getElementById("words").dataset;
const language = document.documentElement.lang;
const HERE = "careline-call"; // this tab has a call going on: try to resume it after a reload
const byId = (id) => document.getElementById(id);

const page = { shown: "", topic: null, channel: "voice", state: null, stream: null, mic: null, talk: null, live: null, lostAt: 0 };
const ring = ringer();

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

const sinceState = () => Math.max(0, page.live.now() - page.state.since);
const sinceQueued = () => page.state.waited_s + Math.max(0, page.live.now() - page.state.server_now);

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
  if (wanted === "ringing") ring.start(words.titleRing);
  else ring.stop();
  if (wanted === "queue" || wanted === "promised") showPlace();
  if (wanted === "talk") onTalk(state, before);
  if (wanted === "after") onAfter(state);
}

function onTalk(state, before) {
  const writing = state.channel === "text";
  byId("talk-agent").textContent = state.agent ?? "";
  byId("mute").hidden = byId("camera").hidden = writing;
  if (state.phase === "held") byId("talk-quality").textContent = words.onHold;
  else if (before?.phase === "held" || writing) byId("talk-quality").textContent = words.good;
  if (writing) byId("write-text").focus();
  else openTalk(state);
}

function openTalk(state) {
  page.talk ??= new PatientTalk({
    send: (data) => act("signal", { data }),
    onTrack: (track, stream) => play(track, stream),
    onQuality: (quality) => {
      if (page.state.phase === "held") return;
      byId("talk-quality").textContent = { good: words.good, weak: words.weak, lost: words.reconnecting }[quality];
    },
  });
  page.talk.use(page.stream);
  page.talk.held = state.phase === "held";
}

function play(track, stream) {
  const player = track.kind === "video" ? byId("far-video") : byId("far-audio");
  player.srcObject = stream;
  player.hidden = track.kind !== "video" && player.tagName === "VIDEO";
  player.play().catch(() => document.addEventListener("click", () => player.play(), { once: true })); // needs a touch first
}

function onAfter(state) {
  closeTalk();
  sessionStorage.removeItem(HERE);
  const known = { completed: words.endedCompleted, abandoned: words.endedAbandoned, lost: words.endedLost, callback_failed: words.endedCallbackFailed };
  byId("t-after").textContent = known[state.cause || "completed"] ?? words.endedOther;
  byId("rating").hidden = !state.answered;
}

function closeTalk() {
  page.talk?.close();
  page.talk = null;
  for (const track of page.stream?.getTracks() ?? []) track.stop();
  page.stream = null;
}

function addLine({ id, from, text, at }) {
  if (byId(`line-${id}`)) return;
  const line = document.createElement("li");
  line.id = `line-${id}`;
  line.className = from === "patient" ? "mine" : "";
  line.textContent = text;
  const when = document.createElement("small");
  when.textContent = new Date(at).toLocaleTimeString(language, { hour: "2-digit", minute: "2-digit" });
  line.append(when);
  byId("lines").append(line);
  line.scrollIntoView({ block: "nearest" });
}

// --- going there and back -------------------------------------------------------------------------------------

function listen() {
  page.live?.close();
  page.live = connect("/live/call/events", {
    state: onState,
    text: addLine,
    signal: ({ data }) => page.talk?.receive(data),
    reset: () => {},
    onConnection: (status) => {
      if (status === "refused") forget();
      else if (status === "lost" && ["queue", "promised"].includes(page.shown)) {
        page.lostAt = Date.now();
        show("lost");
      } else if (status === "open" && page.shown === "lost" && page.state) onState(page.state);
    },
  });
}

function forget() {
  sessionStorage.removeItem(HERE);
  page.live?.close();
  closeTalk();
  show(root.dataset.open === "1" ? "topic" : "closed");
}

async function act(action, more = {}) {
  try {
    return await post("/live/call/actions", { action, ...more });
  } catch (refusal) {
    say(refusal.message || words.failed);
    return null;
  }
}

async function start() {
  const button = byId("call-now");
  button.disabled = true;
  try {
    if (page.channel !== "text") await page.mic?.ready;
    page.stream = page.channel === "text" ? null : await navigator.mediaDevices.getUserMedia({ audio: page.mic?.constraints ?? true, video: page.channel === "video" });
    await post("/live/call", {
      line: root.dataset.line, language: root.dataset.language, topic: page.topic, channel: page.channel,
      name: byId("who-name").value.trim(), number: byId("who-number").value.trim(),
    });
    sessionStorage.setItem(HERE, JSON.stringify({ line: root.dataset.line, channel: page.channel }));
    page.mic?.close();
    showOwnPicture();
    listen();
  } catch (refusal) {
    refused(refusal);
  } finally {
    button.disabled = false;
  }
}

function refused(refusal) {
  if (refusal instanceof DOMException) return say(words.micNone);
  if (refusal.status === 422 || !refusal.code) return say(refusal.message || words.failed);
  byId("refused-why").textContent = refusal.message;
  return show("refused");
}

function showOwnPicture() {
  const video = page.stream?.getVideoTracks().length ? page.stream : null;
  byId("near-video").srcObject = video;
  byId("near-video").hidden = !video;
  byId("camera").setAttribute("aria-pressed", String(Boolean(video)));
}

async function resume() {
  const kept = JSON.parse(sessionStorage.getItem(HERE) ?? "null");
  if (kept?.line !== root.dataset.line) return show(root.dataset.open === "1" ? "topic" : "closed");
  show("lost");
  page.lostAt = Date.now();
  if (kept.channel !== "text") {
    page.stream = await navigator.mediaDevices.getUserMedia({ audio: true, video: kept.channel === "video" }).catch(() => null);
  }
  showOwnPicture();
  return listen();
}

// --- the microphone -------------------------------------------------------------------------------------------

function checkMicrophone() {
  page.mic?.close();
  page.mic = new MicCheck({
    canvas: byId("mic-level"),
    onHeard: (level) => {
      const said = byId("mic-said");
      said.hidden = false;
      said.classList.toggle("good--quiet", level !== "good");
      said.textContent = { good: words.micOk, quiet: words.micQuiet, none: words.micNone }[level];
      byId("mic-replay").hidden = level !== "good";
      if (level === "none") root.querySelector('[name="channel"][value="text"]').click();
    },
  });
  page.mic.open();
}

// --- what the patient does ------------------------------------------------------------------------------------

root.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  if (button.dataset.topic) {
    page.topic = button.dataset.topic;
    show("microphone");
    checkMicrophone();
  } else if ("back" in button.dataset) {
    page.mic?.close();
    show("topic");
  } else if (button.dataset.act) act(button.dataset.act);
});

byId("call-now").addEventListener("click", start);
byId("mic-replay").addEventListener("click", () => page.mic?.replay());
byId("ask-callback").addEventListener("click", () => show("callback"));
byId("rather-wait").addEventListener("click", () => show("queue"));
byId("try-now").addEventListener("click", () => listen());
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
  });
}
byId("mute").addEventListener("click", (event) => {
  const pressed = event.currentTarget.getAttribute("aria-pressed") !== "true";
  event.currentTarget.setAttribute("aria-pressed", String(pressed));
  for (const track of page.stream?.getAudioTracks() ?? []) track.enabled = !pressed;
});
byId("camera").addEventListener("click", async (event) => {
  const on = event.currentTarget.getAttribute("aria-pressed") !== "true";
  event.currentTarget.setAttribute("aria-pressed", String(on));
  await page.talk?.camera(on);
  if (page.talk) page.stream = page.talk.stream;
  showOwnPicture();
});
byId("write").addEventListener("submit", async (event) => {
  event.preventDefault();
  const text = byId("write-text").value.trim();
  if (text && (await act("text", { text }))) byId("write-text").value = "";
});
byId("rating").addEventListener("change", async (event) => {
  if (await act("rate", { rating: Number(event.target.value) })) {
    byId("rated").hidden = false;
    byId("rating").disabled = true;
  }
});

resume();
