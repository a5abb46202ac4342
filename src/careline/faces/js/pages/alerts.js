// The doctor's page: rings when somebody new is unwell, and keeps the clocks. Told at once by the live process, and
// looks by itself as well: this page must not depend on one line.
import { Live } from "../live.js";
import { Ringer } from "../ring.js";

const list = document.getElementById("alerts");
const ring = new Ringer();
const LOOK_MS = 5000;

const refresh = () => window.htmx.ajax("GET", list.dataset.url, "#alerts");

function heed() {
  if (list.querySelector("[data-new]")) ring.start(list.dataset.ring);
  else ring.stop();
}

setInterval(() => {
  for (const time of list.querySelectorAll("[data-since]")) {
    const s = Math.max(0, Date.now() / 1000 - Number(time.dataset.since));
    time.textContent = `${Math.floor(s / 60)}:${String(Math.floor(s % 60)).padStart(2, "0")}`;
  }
}, 1000);
setInterval(refresh, LOOK_MS);
list.addEventListener("htmx:afterSwap", heed);
new Live("/live/desk/events", { unwell: refresh, tick: ({ what }) => what.includes("unwell") && refresh() });
heed();
