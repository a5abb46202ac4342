// The line of life under the call: dashed wait, solid talk, bars for hold, a tick at the usual length.
// It never turns red: length is information, not a reproach.
import { now, span } from "./clock.js";

const WIDTH = 300;

export class Life {
  constructor() {
    this.contact = "";
    this.parts = [];
  }

  /** Remembers what the talk was made of; after a reload what came before is drawn as talk. */
  follow(item) {
    if (item.contact !== this.contact) {
      this.contact = item.contact;
      this.parts = [];
    }
    const kind = item.phase === "wrap_up" ? "wrap" : item.phase === "held" || item.held ? "hold" : item.phase === "dialling" ? "wait" : "talk";
    const last = this.parts.at(-1);
    if (last?.kind === kind) return;
    if (last) last.to = item.since || now();
    this.parts.push({ kind, from: item.since || now() });
  }

  /** When this talk began: holds are part of it. `answered`: what the server knows, after a reload. */
  talkSince(item, answered) {
    const first = this.parts.find((part) => part.kind === "talk" || part.kind === "hold");
    return Math.min(first?.from ?? item.since, Number(answered) || Infinity);
  }

  draw(el, item) {
    if (!el || !item || !this.parts.length) return;
    const waited = Math.max(0, Number(el.dataset.waited ?? item.waited_s) || 0);
    const spent = this.parts.map((part) => ({ kind: part.kind, s: Math.max(0, (part.to ?? now()) - part.from) }));
    const talked = spent.reduce((sum, part) => sum + (part.kind === "wrap" ? 0 : part.s), 0);
    const usual = Number(el.dataset.usual) || 0;
    const whole = Math.max(waited + usual * 1.35, waited + spent.reduce((sum, part) => sum + part.s, 0) * 1.15, 60);
    const x = (s) => (s / whole) * WIDTH;
    let at = x(waited);
    const drawn = { wait: line(0, at), talk: "", hold: "", wrap: "" };
    for (const part of spent) {
      drawn[part.kind] += line(at, at + x(part.s));
      at += x(part.s);
    }
    for (const kind of ["wait", "talk", "hold", "wrap"]) el.querySelector(`.life__${kind}`)?.setAttribute("d", drawn[kind]);
    const mark = usual ? x(waited + usual) : 0;
    el.querySelector(".life__mark")?.setAttribute("d", mark ? `M${mark.toFixed(1)} 0V8` : "");
    const label = el.querySelector(".life__usual");
    if (label) label.style.insetInlineStart = `calc(${((mark / WIDTH) * 100).toFixed(1)}% + 6px)`;
    el.setAttribute("aria-label", [el.dataset.label, span(waited), span(talked)].join(" · "));
  }
}

const line = (from, to) => (to - from > 0.2 ? `M${from.toFixed(1)} 4H${to.toFixed(1)}` : "");
