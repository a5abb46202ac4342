// Two taps in the hall. What cannot be sent is kept on this phone with its key and its time, and sent when it can be.
import { csrfToken } from "../csrf.js";
import { newKey } from "../live.js";

const root = document.getElementById("hall");
const words = root.dataset;
const byId = (id) => document.getElementById(id);
const KEPT = "careline-hall"; // [{ key, kind, topic, outcome, site, at, what }]: ids and codes only
const AGAIN_MS = 15_000;
const LOOK_MS = 2000;

const page = { topic: null, what: "", undo: null, undoing: null, alert: null, alertKey: "", raisedAt: 0, count: 0, sending: false, inFlight: "" };

// --- what is seen ---------------------------------------------------------------------------------------------

function show(name) {
  for (const section of root.querySelectorAll(".state")) section.hidden = section.dataset.state !== name;
  byId("sos-foot").hidden = name === "unwell" || name === "day";
  root.querySelector(`[data-state="${name}"] [tabindex="-1"]`)?.focus();
}

function toast(what, more, undo) {
  byId("toast-what").textContent = what;
  byId("toast-more").textContent = more;
  byId("undo").hidden = !undo;
  byId("toast").hidden = false;
  page.undo = undo;
}

function untoast() {
  byId("toast").hidden = true;
  page.undo = null;
}

function trouble(text) {
  byId("trouble").textContent = text;
  byId("trouble").hidden = !text;
}

function counted(change) {
  page.count = Math.max(0, page.count + change);
  byId("count").textContent = page.count;
}

function showKept() {
  const kept = read();
  byId("waiting").hidden = !kept.length;
  byId("waiting-n").textContent = kept.length;
  byId("kept").replaceChildren(
    ...kept.map((each) => {
      const line = document.createElement("li");
      const when = document.createElement("time");
      when.textContent = new Date(each.at * 1000).toLocaleTimeString(document.documentElement.lang, { hour: "2-digit", minute: "2-digit" });
      const what = document.createElement("span");
      what.className = "grow";
      what.textContent = each.what;
      const small = document.createElement("small");
      small.textContent = words.kept;
      what.append(small);
      const icon = document.createElement("i");
      icon.className = "i i-clock warn";
      line.append(when, what, icon);
      return line;
    }),
  );
}

// --- what is kept and sent ------------------------------------------------------------------------------------

const read = () => JSON.parse(localStorage.getItem(KEPT) ?? "[]");
function write(kept) {
  localStorage.setItem(KEPT, JSON.stringify(kept));
  showKept();
}

class SignIn extends Error {}
class Refusal extends Error {}

/** Throws SignIn (the session has ended), Refusal (the server says no, in words), or the network's own error. */
async function send(url, values) {
  const body = new URLSearchParams(Object.entries(values).filter(([, value]) => value !== null && value !== undefined));
  const answer = await fetch(url, { method: "POST", body, redirect: "manual", headers: { "X-CSRFToken": csrfToken(), Accept: "application/json" } });
  if (answer.type === "opaqueredirect" || answer.status === 401) throw new SignIn();
  const said = await answer.json().catch(() => ({}));
  if (answer.ok) return said;
  if (answer.status >= 500 || answer.status === 429) throw new Error("later");
  throw new Refusal(said.message ?? "");
}

async function flush() {
  if (page.sending) return;
  page.sending = true;
  let refused = false;
  try {
    for (let kept = read(); kept.length; kept = read()) {
      const [first] = kept;
      try {
        const { what, ...values } = first;
        page.inFlight = first.key;
        const { contact } = await send(words.log, values);
        for (const each of [page.undo, page.undoing]) if (each?.key === first.key) each.contact = contact;
      } catch (failure) {
        if (!(failure instanceof Refusal)) throw failure;
        trouble(words.refused.replace("%(why)s", failure.message));
        refused = true;
        counted(-1);
        if (page.undoing?.key === first.key) page.undoing.refused = true;
        if (page.undo?.key === first.key) untoast(); // there is nothing to take back
      } finally {
        page.inFlight = "";
      }
      write(read().filter((each) => each.key !== first.key)); // sent, or refused for good
    }
    if (!refused) trouble("");
  } catch (failure) {
    if (failure instanceof SignIn) askToSignIn();
  } finally {
    page.sending = false;
  }
}

function askToSignIn() {
  trouble("");
  const link = document.createElement("a");
  link.href = words.signIn;
  link.textContent = words.signInFirst;
  byId("trouble").replaceChildren(link);
  byId("trouble").hidden = false;
}

async function log(outcome, label) {
  const entry = { key: newKey(), topic: page.topic, outcome, site: byId("site").value || null, at: Date.now() / 1000, what: `${page.what}, ${label}` };
  write([...read(), entry]);
  counted(+1);
  toast(words.logged, entry.what, { key: entry.key, contact: null });
  show("topics");
  await flush();
  if (read().some((each) => each.key === entry.key)) byId("toast-more").textContent = words.kept;
}

async function undo() {
  const wanted = page.undo;
  if (!wanted || page.undoing) return; // pressed twice
  page.undoing = wanted;
  try {
    await takeBack(wanted);
  } finally {
    page.undoing = null;
  }
}

async function takeBack(wanted) {
  const { key } = wanted;
  while (page.inFlight === key) await new Promise((soon) => setTimeout(soon, 50)); // it may be logged this very moment
  if (wanted.refused) return;
  const { contact } = wanted;
  if (read().some((each) => each.key === key)) write(read().filter((each) => each.key !== key));
  else {
    try {
      await send(words.undo, { contact });
    } catch (failure) {
      trouble(failure instanceof Refusal ? failure.message : words.kept);
      return;
    }
  }
  counted(-1);
  if (page.undo === wanted) toast(words.undone, "", null); // unless somebody else has been helped meanwhile
}

// --- someone is unwell ----------------------------------------------------------------------------------------

async function callDoctor() {
  page.alert = null;
  page.alertKey = newKey();
  page.raisedAt = Date.now() / 1000;
  const place = byId("site");
  byId("sos-where").textContent = place.options[place.selectedIndex]?.textContent ?? "";
  byId("sos-who").textContent = "";
  byId("t-unwell").textContent = words.called;
  show("unwell");
  await raise();
}

async function raise() {
  try {
    showAlert(await send(words.unwell, { key: page.alertKey, site: byId("site").value || null, at: page.raisedAt }));
  } catch (failure) {
    byId("sos-who").textContent = failure instanceof Refusal ? failure.message : words.offline;
  }
}

function showAlert(alert) {
  page.alert = alert;
  byId("t-unwell").textContent = alert.come_at ? words.come : alert.seen_at ? words.coming : words.called;
  byId("sos-who").textContent = alert.by;
  if (alert.come_at) setTimeout(() => show("topics"), 3000);
}

async function look() {
  if (root.querySelector('[data-state="unwell"]').hidden) return;
  if (!page.alert) return raise(); // the same key: it is raised once, however often we try
  if (page.alert.come_at) return;
  const answer = await fetch(`${words.alerts}${page.alert.alert}/`, { headers: { Accept: "application/json" } }).catch(() => null);
  if (answer?.ok) showAlert(await answer.json());
}

async function come() {
  if (!page.alert) return show("topics");
  try {
    showAlert(await send(`${words.alerts}${page.alert.alert}/come/`, {}));
  } catch {
    byId("sos-who").textContent = words.offline;
  }
}

// --- my day ---------------------------------------------------------------------------------------------------

async function openDay() {
  show("day");
  await refreshDay();
}

async function refreshDay() {
  const answer = await fetch(words.day, { headers: { Accept: "text/html" } }).catch(() => null);
  if (!answer?.ok || answer.redirected) return;
  byId("day").innerHTML = await answer.text(); // our own template, escaped there
  page.count = Number(byId("day").querySelector("[data-number]")?.dataset.number ?? page.count) + read().length;
  byId("count").textContent = page.count;
}

// --- what the person does -------------------------------------------------------------------------------------

root.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  if (button.dataset.topic) {
    page.topic = button.dataset.topic;
    page.what = button.textContent.trim();
    byId("t-outcome").textContent = page.what;
    byId("was-icon").className = `i i--l i-${button.dataset.icon}`;
    show("outcome");
  } else if (button.dataset.outcome) log(button.dataset.outcome, button.textContent.trim());
  else if (button.dataset.go) show(button.dataset.go);
});
byId("undo").addEventListener("click", undo);
byId("unwell").addEventListener("click", callDoctor);
byId("has-come").addEventListener("click", come);
byId("open-day").addEventListener("click", openDay);
addEventListener("online", flush);
setInterval(() => read().length && flush(), AGAIN_MS);
setInterval(look, LOOK_MS);
setInterval(() => {
  const s = Math.max(0, Date.now() / 1000 - page.raisedAt);
  byId("sos-time").textContent = `${Math.floor(s / 60)}:${String(Math.floor(s % 60)).padStart(2, "0")}`;
}, 1000);
navigator.serviceWorker?.register(words.worker, { scope: location.pathname });
showKept();
refreshDay().then(flush);
