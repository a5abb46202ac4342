// What every page shares: HTMX and Alpine under a strict content policy. Loaded with `defer` before a page's own bundle;
// a page registers its Alpine components on `alpine:init`, which comes when all deferred scripts have run.
import Alpine from "@alpinejs/csp";
import htmx from "htmx.org";
import { csrfToken } from "../csrf.js";

Object.assign(htmx.config, {
  allowEval: false, // no inline code: the policy forbids it, and so do we
  includeIndicatorStyles: false, // styles live in base.css
  historyEnabled: false, // personal data is never kept in the browser's storage
  refreshOnHistoryMiss: false,
  selfRequestsOnly: true,
  attributesToSettle: ["class", "width", "height"], // not "style": the policy forbids style attributes
  scrollIntoViewOnBoost: false,
  // A refusal (409, 422 ...) is an answer with its own words, shown where the answer was wanted.
  responseHandling: [
    { code: "204", swap: false },
    { code: "[23]..", swap: true },
    { code: "401", swap: false, error: true },
    { code: "[45]..", swap: true, error: true },
  ],
});

// What a page fetches by itself must not keep a session open in which nobody does anything (base.accounts.sessions).
const HUMAN_MS = 60_000;
let touched = performance.now();
for (const sign of ["pointerdown", "keydown"])
  document.addEventListener(sign, () => (touched = performance.now()), { capture: true, passive: true });

document.addEventListener("htmx:configRequest", ({ detail }) => {
  if (detail.verb !== "get") detail.headers["X-CSRFToken"] = csrfToken();
  if (performance.now() - touched > HUMAN_MS) detail.headers["X-Careline-Background"] = "1";
});

window.htmx = htmx;
window.Alpine = Alpine;
document.addEventListener("DOMContentLoaded", () => Alpine.start());
