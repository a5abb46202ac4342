// Time on the desk is the switchboard's: a laptop's wrong clock changes no wait and no countdown.
// An element with data-since counts up from that moment (seconds since the epoch), one with data-until counts down.

let ahead = 0; // the server's clock minus ours, s

export const now = () => Date.now() / 1000 + ahead;

export function sync(serverNow) {
  if (serverNow) ahead = serverNow - Date.now() / 1000;
}

export function span(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60), whole % 60];
  return h ? `${h}:${String(m).padStart(2, "0")}:${String(s).padStart(2, "0")}` : `${m}:${String(s).padStart(2, "0")}`;
}

export function show(root = document) {
  for (const el of root.querySelectorAll("[data-since]")) {
    const since = Number(el.dataset.since);
    write(el, since ? span(now() - since) : "");
  }
  for (const el of root.querySelectorAll("[data-until]")) {
    const until = Number(el.dataset.until);
    const left = Math.max(0, Math.ceil(until - now()));
    write(el, !until ? "" : el.dataset.plain === undefined ? span(left) : String(left));
  }
}

function write(el, text) {
  if (el.textContent !== text) el.textContent = text;
}

// Ticks on the second of the switchboard's clock, so that every figure on the screen turns at once.
export function start(also) {
  const tick = () => {
    show();
    also?.();
    setTimeout(tick, 1000 - ((now() * 1000) % 1000) + 5);
  };
  tick();
}
