/* The live line of a page: events down, actions up. The protocol is docs/reference/live.md.
 *
 * The stream is read with fetch rather than EventSource, which gives up for good at the first 502 and never tells a
 * page why it was refused. No text for people here: states and codes only.
 */

const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 8000;
const SILENCE_MS = 40_000; // the server says something every 15 s
export const SLOW_MS = 2500; // a press without an answer for so long is worth a word
const ANSWER_MS = 15_000; // a server that has taken the request and then says nothing: it was killed, or is starting

export function newKey() {
  if (crypto.randomUUID) return crypto.randomUUID();
  const b = crypto.getRandomValues(new Uint8Array(16)); // a page on plain http in the local network
  b[6] = (b[6] & 0x0f) | 0x40;
  b[8] = (b[8] & 0x3f) | 0x80;
  const h = [...b].map((x) => x.toString(16).padStart(2, "0")).join("");
  return `${h.slice(0, 8)}-${h.slice(8, 12)}-${h.slice(12, 16)}-${h.slice(16, 20)}-${h.slice(20)}`;
}

/** A refusal by the server: `code` is stable, `message` is for people and in their language. */
export class Refused extends Error {
  constructor(status, body) {
    super(body.message || "");
    this.status = status;
    this.code = body.error || "refused";
    this.values = body;
  }
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const jittered = (ms) => ms * (0.5 + Math.random());

const language = () => document.documentElement.lang; // refusals are told in the language of the page

function cookie(name) {
  const found = document.cookie.split("; ").find((each) => each.startsWith(`${name}=`));
  return found ? decodeURIComponent(found.slice(name.length + 1)) : "";
}

/** POST once, however often the network fails: every attempt carries the same key.
 *  Resolves with the answer's JSON; throws Refused, or the network's own error once `patienceMs` is over.
 *  `onSlow` is called once when it has not been answered for a while: it is kept, and sent again. */
export async function post(url, body, { onSlow, ...options } = {}) {
  const slow = onSlow && setTimeout(onSlow, SLOW_MS);
  try {
    return await postAgain(url, body, options);
  } finally {
    clearTimeout(slow);
  }
}

async function postAgain(url, body, { patienceMs = 60_000, signal } = {}) {
  const text = JSON.stringify({ key: newKey(), ...body });
  const until = performance.now() + patienceMs;
  for (let wait = FIRST_WAIT_MS; ; wait = Math.min(wait * 2, LONGEST_WAIT_MS)) {
    let failure;
    try {
      const answer = await fetch(url, {
        method: "POST",
        body: text,
        signal,
        credentials: "same-origin",
        headers: { "Content-Type": "application/json", "X-CSRFToken": cookie("csrftoken"), "Accept-Language": language() },
      });
      if (answer.ok) return answer.status === 204 ? {} : await answer.json();
      const said = await answer.json().catch(() => ({}));
      failure = new Refused(answer.status, said);
      if (![502, 503, 504].includes(answer.status)) throw failure;
    } catch (error) {
      if (error instanceof Refused && ![502, 503, 504].includes(error.status)) throw error;
      if (signal?.aborted) throw error;
      failure = error;
    }
    if (performance.now() + wait > until) throw failure;
    await pause(jittered(wait));
  }
}

/** An event stream that comes back by itself.
 *
 *  `on`: { name: (data, id) => ... } for the events of the protocol.
 *  `onState(state, detail)`: "connecting" | "open" | "waiting" (detail: ms until the next attempt) | "refused"
 *  (detail: Refused; the stream stays closed: sign in again, or start a new call) | "closed".
 */
export class Live {
  #url;
  #on;
  #onState;
  #lastId = "";
  #abort = null;
  #closed = false;
  #hurry = null;
  #heardAt = 0;
  #offsetMs = 0;
  state = "connecting";

  constructor(url, on, onState = () => {}) {
    this.#url = url;
    this.#on = on;
    this.#onState = onState;
    this.#watch = setInterval(() => this.#checkSilence(), 5000);
    addEventListener("online", this.#now);
    document.addEventListener("visibilitychange", this.#now);
    this.#run();
  }

  #watch;

  /** Seconds since the epoch by the server's clock: every `since` and `until` counts by it. */
  serverNow() {
    return (Date.now() + this.#offsetMs) / 1000;
  }

  close() {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#watch);
    removeEventListener("online", this.#now);
    document.removeEventListener("visibilitychange", this.#now);
    this.#abort?.abort();
    this.#hurry?.();
    this.#say("closed");
  }

  /** Try at once: the network is back, or somebody looks at the page again. */
  #now = () => {
    if (document.visibilityState === "visible") this.#hurry?.();
  };

  #checkSilence() {
    const patience = { open: SILENCE_MS, connecting: ANSWER_MS }[this.state];
    if (patience && performance.now() - this.#heardAt > patience) this.#abort?.abort();
  }

  #say(state, detail) {
    this.state = state;
    this.#onState(state, detail);
  }

  async #run() {
    let wait = FIRST_WAIT_MS;
    while (!this.#closed) {
      this.#say("connecting");
      const opened = performance.now();
      try {
        await this.#read();
      } catch (error) {
        if (this.#closed) return;
        if (error instanceof Refused && error.status < 500 && error.status !== 429) {
          this.close();
          this.#say("refused", error);
          return;
        }
      }
      if (this.#closed) return;
      if (performance.now() - opened > 5000) wait = FIRST_WAIT_MS;
      const ms = jittered(wait);
      this.#say("waiting", ms);
      await Promise.race([pause(ms), new Promise((resolve) => (this.#hurry = resolve))]);
      this.#hurry = null;
      wait = Math.min(wait * 1.7, LONGEST_WAIT_MS);
    }
  }

  async #read() {
    this.#abort = new AbortController();
    this.#heardAt = performance.now();
    const headers = { Accept: "text/event-stream", "Accept-Language": language() };
    if (this.#lastId) headers["Last-Event-ID"] = this.#lastId;
    const answer = await fetch(this.#url, {
      headers,
      credentials: "same-origin",
      cache: "no-store",
      signal: this.#abort.signal,
    });
    if (!answer.ok) throw new Refused(answer.status, await answer.json().catch(() => ({})));
    this.#heardAt = performance.now();
    this.#say("open");
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      this.#heardAt = performance.now();
      rest += value;
      for (let end = rest.indexOf("\n\n"); end >= 0; end = rest.indexOf("\n\n")) {
        this.#hear(rest.slice(0, end));
        rest = rest.slice(end + 2);
      }
    }
  }

  #hear(block) {
    let name = "message";
    let data = "";
    let id = "";
    for (const line of block.split("\n")) {
      if (line.startsWith("id: ")) id = line.slice(4);
      else if (line.startsWith("event: ")) name = line.slice(7);
      else if (line.startsWith("data: ")) data += line.slice(6);
    }
    if (!data) return;
    if (id) this.#lastId = id;
    const said = JSON.parse(data);
    if (said.server_now) this.#offsetMs = said.server_now * 1000 - Date.now();
    this.#on[name]?.(said, id);
  }
}

/** Run `owner` in one tab of this browser only; the others call `follower` and take over when that tab goes.
 *  Where Web Locks are missing every tab is an owner (the server bears it). */
export function oneTabOnly(name, owner, follower = () => {}) {
  if (!navigator.locks) {
    owner();
    return;
  }
  let mine = false;
  navigator.locks.request(name, () => {
    mine = true;
    owner();
    return new Promise(() => {}); // until the tab is gone
  });
  setTimeout(() => mine || follower(), 300);
}
